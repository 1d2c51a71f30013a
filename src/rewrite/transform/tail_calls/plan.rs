//! The plan: the functions, globals and the table that are added for tail calls, by index.

use super::calls::{Callee, TailCall};
use crate::wasm::{Binary, FuncType, RefType, ValType};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wasm_encoder::{AbstractHeapType, HeapType, Instruction};

/// Everything that is added, by index.
pub(super) struct Plan<'a> {
    pub binary: &'a Binary,
    /// The function that gets the body of each leaving function, which becomes an entry
    pub bodies: BTreeMap<u32, u32>,
    /// The tail calls with a helper, in order
    pub calls: Vec<TailCall>,
    helpers: HashMap<TailCall, u32>,
    /// The groups of tail calls, by their results
    pub groups: Vec<Group>,
    /// The global by which a driver loop tells an entry that it runs it: see `OWN` and `OTHER`
    pub flag: u32,
    /// The global with the number of the tail call that waits in its group, from 1 on; 0 if none waits
    pub waiting: u32,
    /// The global that tells whose entry the waiting tail call calls: 0, `OWN` or `OTHER`
    pub whose: u32,
    /// The globals for arguments, by type and position among the arguments of that type
    arguments: BTreeMap<ArgumentPlace, u32>,
    /// Types of all added globals
    pub globals: Vec<ValType>,
    /// The table whose growth is a question to the host; its entry is the step of another instance
    pub table: u32,
}

/// A type and a position among the arguments of that type. The type is ordered by its spelling.
type ArgumentPlace = (String, u32);

/// The tail calls whose callees return the same types, and their functions.
pub(super) struct Group {
    pub results: Box<[ValType]>,
    pub calls: Vec<TailCall>,
    /// Makes the call that waits
    pub hop: u32,
    /// Makes calls until none waits
    pub driver: u32,
    /// Makes the call that waits, for the driver loop of another instance
    pub step: u32,
}

impl<'a> Plan<'a> {
    /// The plan for a module in which these functions leave their tail calls to a driver loop.
    pub fn new(binary: &'a Binary, leaving: &BTreeSet<u32>, calls: &[Vec<TailCall>]) -> Self {
        let mut next = binary.functions.len() as u32;
        let mut add = || {
            next += 1;
            next - 1
        };
        let bodies: BTreeMap<u32, u32> = leaving.iter().map(|function| (*function, add())).collect();
        let own = binary.imported_functions;
        let of_leaving = leaving.iter().flat_map(|function| &calls[(*function - own) as usize]);
        let mut plan = Self {
            binary,
            calls: Vec::new(),
            helpers: HashMap::new(),
            groups: Vec::new(),
            flag: binary.globals.len() as u32,
            waiting: binary.globals.len() as u32 + 1,
            whose: binary.globals.len() as u32 + 2,
            arguments: BTreeMap::new(),
            globals: vec![ValType::I32; 3],
            table: binary.tables.len() as u32,
            bodies,
        };
        for call in of_leaving {
            let is_plain =
                matches!(call.callee, Callee::Function(callee) if callee >= own && !leaving.contains(&callee));
            if !call.can_wait(binary) || (is_plain && !call.leaves_try) || plan.helpers.contains_key(call) {
                continue;
            }
            plan.helpers.insert(*call, add());
            plan.calls.push(*call);
            let results = &call.ty(binary).results;
            match plan.groups.iter_mut().find(|group| group.results == *results) {
                Some(group) => group.calls.push(*call),
                None => {
                    plan.groups.push(Group {
                        results: results.clone(),
                        calls: vec![*call],
                        hop: 0,
                        driver: 0,
                        step: 0,
                    });
                }
            }
        }
        for group in &mut plan.groups {
            (group.hop, group.driver, group.step) = (add(), add(), add());
        }
        for call in plan.calls.clone() {
            plan.place_arguments(call);
        }
        plan
    }

    fn place_arguments(&mut self, call: TailCall) {
        for (ty, place) in places(&self.stored(call)) {
            if let std::collections::btree_map::Entry::Vacant(vacant) = self.arguments.entry(place) {
                vacant.insert(self.binary.globals.len() as u32 + self.globals.len() as u32);
                self.globals.push(ty);
            }
        }
    }

    /// The types of the values that globals hold while a tail call waits: its arguments, and the number of a table entry.
    pub fn stored(&self, call: TailCall) -> Vec<ValType> {
        let mut types = call.ty(self.binary).parameters.to_vec();
        if matches!(call.callee, Callee::Entry { .. }) {
            types.push(ValType::I32);
        }
        types
    }

    /// The globals for values of these types, in order.
    pub fn globals_for(&self, types: &[ValType]) -> Vec<u32> {
        places(types).map(|(_, place)| self.arguments[&place]).collect()
    }

    /// The helper of a tail call; none if the callee is called as usual.
    pub fn helper(&self, call: TailCall) -> Option<u32> {
        self.helpers.get(&call).copied()
    }

    /// The group of functions with these results.
    pub fn group(&self, results: &[ValType]) -> Option<&Group> {
        self.groups.iter().find(|group| *group.results == *results)
    }

    /// The functions to which code of the module takes a reference for tail calls: steps, and imports.
    pub fn referenced(&self) -> Vec<u32> {
        let steps = self.groups.iter().map(|group| group.step);
        let imports = self.calls.iter().filter_map(|call| self.import(*call));
        BTreeSet::from_iter(steps.chain(imports)).into_iter().collect()
    }

    /// The import that a tail call calls.
    pub fn import(&self, call: TailCall) -> Option<u32> {
        match call.callee {
            Callee::Function(function) if function < self.binary.imported_functions => Some(function),
            _ => None,
        }
    }

    /// The type of a group's functions.
    pub fn driver_type(group: &Group) -> FuncType {
        FuncType { parameters: Box::default(), results: group.results.clone() }
    }
}

fn places(types: &[ValType]) -> impl Iterator<Item = (ValType, ArgumentPlace)> {
    types.iter().enumerate().map(|(index, ty)| {
        let before = types[..index].iter().filter(|each| *each == ty).count() as u32;
        (*ty, (ty.to_string(), before))
    })
}

/// The zero of a type.
pub(super) fn zero(ty: ValType) -> Instruction<'static> {
    let null = |ty| Instruction::RefNull(HeapType::Abstract { shared: false, ty });
    match ty {
        ValType::I32 => Instruction::I32Const(0),
        ValType::I64 => Instruction::I64Const(0),
        ValType::F32 => Instruction::F32Const(0.0.into()),
        ValType::F64 => Instruction::F64Const(0.0.into()),
        ValType::V128 => Instruction::V128Const(0),
        ValType::Ref(RefType::Func) => null(AbstractHeapType::Func),
        ValType::Ref(RefType::Extern) => null(AbstractHeapType::Extern),
        ValType::Ref(RefType::Exn) => null(AbstractHeapType::Exn),
    }
}
