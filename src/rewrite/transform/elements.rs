//! Element segments that the engine lacks, replaced by code.
//!
//! The engine has only segments of functions that are known from the module. It lacks segments with items from imported
//! globals, and segments of host references that code copies. An active segment of these kinds, and all later segments, move
//! into the start function. Each is checked as a whole and written, or traps, in its turn.

use crate::error::{ErrorKind, Result};
use crate::rewrite::Rewritten;
use crate::rewrite::generate::adapter::encoded;
use crate::rewrite::offsets::{BodyEdit, StepOffsets};
use crate::rewrite::slots::sections::{Sections, content};
use crate::rewrite::transform::code::change_bodies;
use crate::rewrite::transform::outlined::Outlined;
use crate::wasm::{FuncType, RefType, ValType};
use std::collections::HashMap;
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, Encode, Function, HeapType, Instruction, SectionId,
};
use wasmparser::{ConstExpr as Parsed, DataKind, ElementItems, ElementKind, FunctionBody, Operator, Parser, Payload};

/// Replaces the segments that the engine lacks by code. A module without any stays unchanged.
///
/// # Errors
/// `Compile` if the bytes are not what the description says.
pub fn spell_out_elements(rewritten: &mut Rewritten<'_>) -> Result<()> {
    if !rewritten.binary.computed_elements {
        return Ok(());
    }
    spell_out(rewritten).map_err(|error| ErrorKind::pass_failed(error).into())
}

/// An item of a segment.
#[derive(Clone, Copy)]
enum Item {
    Null,
    Function(u32),
    Global(u32),
}

struct ElementSegment<'a> {
    kind: SegmentMode<'a>,
    ty: RefType,
    items: Vec<Item>,
    /// The global with the number of items left, if code copies host references from the segment
    length: Option<u32>,
}

enum SegmentMode<'a> {
    Active { table: u32, offset: &'a [u8] },
    Passive,
    Declared,
}

struct Data<'a> {
    /// Memory and offset of an active segment
    active: Option<(u32, &'a [u8])>,
    bytes: &'a [u8],
}

#[derive(Default)]
struct Segments<'a> {
    elements: Vec<ElementSegment<'a>>,
    data: Vec<Data<'a>>,
    start: Option<u32>,
}

impl<'a> Segments<'a> {
    fn read(bytes: &'a [u8]) -> wasmparser::Result<Self> {
        let mut segments = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ElementSection(reader) => {
                    for element in reader {
                        let element = element?;
                        let (ty, items) = items(element.items)?;
                        let kind = match element.kind {
                            ElementKind::Active { table_index, offset_expr } => SegmentMode::Active {
                                table: table_index.unwrap_or(0),
                                offset: code_of(bytes, &offset_expr),
                            },
                            ElementKind::Passive => SegmentMode::Passive,
                            ElementKind::Declared => SegmentMode::Declared,
                        };
                        segments.elements.push(ElementSegment { kind, ty, items, length: None });
                    }
                }
                Payload::DataSection(reader) => {
                    for data in reader {
                        let data = data?;
                        let active = match data.kind {
                            DataKind::Active { memory_index, offset_expr } => {
                                Some((memory_index, code_of(bytes, &offset_expr)))
                            }
                            DataKind::Passive => None,
                        };
                        segments.data.push(Data { active, bytes: data.data });
                    }
                }
                Payload::StartSection { func, .. } => segments.start = Some(func),
                _ => {}
            }
        }
        Ok(segments)
    }

    /// The first active segment that the engine lacks.
    fn first_moved(&self) -> Option<usize> {
        self.elements
            .iter()
            .position(|segment| matches!(segment.kind, SegmentMode::Active { .. }) && segment.is_computed())
    }
}

impl ElementSegment<'_> {
    fn is_computed(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Global(_)))
    }

    /// The items that only the instance knows: the index of each in the segment, and its global.
    fn computed(&self) -> impl Iterator<Item = (i32, u32)> {
        self.items.iter().enumerate().filter_map(|(index, item)| match item {
            Item::Global(global) => Some((index as i32, *global)),
            _ => None,
        })
    }

    fn null(&self) -> Instruction<'static> {
        Instruction::RefNull(if self.ty == RefType::Extern { HeapType::EXTERN } else { HeapType::FUNC })
    }
}

fn items(items: ElementItems<'_>) -> wasmparser::Result<(RefType, Vec<Item>)> {
    match items {
        ElementItems::Functions(functions) => {
            let items: wasmparser::Result<_> = functions.into_iter().map(|index| Ok(Item::Function(index?))).collect();
            Ok((RefType::Func, items?))
        }
        ElementItems::Expressions(ty, expressions) => {
            let item = |expression: wasmparser::Result<Parsed<'_>>| {
                Ok(match expression?.get_operators_reader().read()? {
                    Operator::RefFunc { function_index } => Item::Function(function_index),
                    Operator::GlobalGet { global_index } => Item::Global(global_index),
                    _ => Item::Null,
                })
            };
            let items: wasmparser::Result<_> = expressions.into_iter().map(item).collect();
            Ok((if ty.is_extern_ref() { RefType::Extern } else { RefType::Func }, items?))
        }
    }
}

/// The instructions of a constant expression, without its `end`.
fn code_of<'a>(bytes: &'a [u8], expression: &Parsed<'a>) -> &'a [u8] {
    let range = expression.get_binary_reader().range();
    &bytes[range.start as usize..range.end as usize - 1]
}

fn spell_out(rewritten: &mut Rewritten<'_>) -> wasmparser::Result<()> {
    let bytes = std::mem::take(&mut rewritten.bytes);
    let mut segments = Segments::read(&bytes)?;
    let moved = segments.first_moved();
    let mut sections = Sections::of(&bytes)?;
    add_lengths(rewritten, &mut segments, &mut sections)?;
    let mut outlined = Outlined::new(&rewritten.binary);
    let (code, offsets) = change_code(&bytes, rewritten, &segments, &mut outlined)?;
    if let Some(first) = moved {
        let start = outlined.add(FuncType::default(), initializer(&segments, first));
        let mut content = Vec::new();
        start.encode(&mut content);
        sections.set(SectionId::Start, content);
        if !segments.data.is_empty() {
            sections.set(SectionId::Data, passive(&segments.data));
            let mut count = Vec::new();
            (segments.data.len() as u32).encode(&mut count);
            sections.set(SectionId::DataCount, count);
        }
    }
    sections.set(SectionId::Element, known(&segments, moved)?);
    outlined.write(code, &mut sections, rewritten)?;
    rewritten.offsets.add(offsets);
    let written = segments.elements.iter().filter_map(|segment| match segment.kind {
        SegmentMode::Active { table, .. } if segment.is_computed() => Some(table),
        _ => None,
    });
    rewritten.written_tables.extend(written.filter(|table| *table < rewritten.binary.imported_tables));
    rewritten.written_tables.sort_unstable();
    rewritten.written_tables.dedup();
    rewritten.bytes = sections.finish().into();
    Ok(())
}

/// Adds a global for each segment of host references that code copies: the number of items left.
fn add_lengths(
    rewritten: &mut Rewritten<'_>,
    segments: &mut Segments<'_>,
    sections: &mut Sections<'_>,
) -> wasmparser::Result<()> {
    let first = rewritten.binary.globals.len() as u32;
    let (mut count, mut globals) = (0, Vec::new());
    for segment in &mut segments.elements {
        if matches!(segment.kind, SegmentMode::Passive) && segment.ty == RefType::Extern {
            segment.length = Some(first + count);
            count += 1;
            globals.extend([0x7f, 1]);
            ConstExpr::i32_const(segment.items.len() as i32).encode(&mut globals);
            rewritten.binary.globals.push(crate::wasm::GlobalType { value: ValType::I32, mutable: true });
        }
    }
    sections.append(SectionId::Global, count, &globals)
}

/// The code with calls in place of each `table.init` of a segment that the engine lacks.
fn change_code(
    bytes: &[u8],
    rewritten: &Rewritten<'_>,
    segments: &Segments<'_>,
    outlined: &mut Outlined,
) -> wasmparser::Result<(CodeSection, StepOffsets)> {
    let mut copies: HashMap<(u32, u32), u32> = HashMap::new();
    change_bodies(bytes, &rewritten.binary, |_, body: &FunctionBody<'_>| {
        let start = body.range().start;
        let mut edit = BodyEdit::new(body.as_bytes());
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, offset) = reader.read_with_offset()?;
            let replacement = match operator {
                Operator::TableInit { elem_index, table } => {
                    let segment = &segments.elements[elem_index as usize];
                    let is_known = !matches!(segment.kind, SegmentMode::Passive)
                        || (segment.length.is_none() && !segment.is_computed());
                    let function = (!is_known).then(|| {
                        *copies.entry((elem_index, table)).or_insert_with(|| {
                            let ty = FuncType { parameters: [ValType::I32; 3].into(), results: [].into() };
                            outlined.add(ty, copy(segment, elem_index, table))
                        })
                    });
                    function.map(|function| vec![Instruction::Call(function)])
                }
                Operator::ElemDrop { elem_index } => segments.elements[elem_index as usize].length.map(|length| {
                    vec![Instruction::I32Const(0), Instruction::GlobalSet(length), Instruction::ElemDrop(elem_index)]
                }),
                _ => None,
            };
            let Some(replacement) = replacement else { continue };
            let range = (offset - start) as usize..(reader.original_position() - start) as usize;
            edit.replace(range, |code| replacement.iter().for_each(|instruction| instruction.encode(code)));
        }
        Ok(edit.finish())
    })
}

/// A function that does the work of `table.init`, with the same parameters: destination, source and length.
fn copy(segment: &ElementSegment<'_>, index: u32, table: u32) -> Function {
    use Instruction as I;
    const TO: u32 = 0;
    const FROM: u32 = 1;
    const LENGTH: u32 = 2;
    let mut function = Function::new([]);
    let mut add = |instructions: &[I<'_>]| {
        for instruction in instructions {
            function.instruction(instruction);
        }
    };
    match segment.length {
        Some(left) => {
            add(&[I::LocalGet(FROM), I::I64ExtendI32U, I::LocalGet(LENGTH), I::I64ExtendI32U, I::I64Add]);
            add(&[I::GlobalGet(left), I::I64ExtendI32U, I::I64GtU, I::If(BlockType::Empty)]);
            // Traps, since no table has 2^32 - 1 entries.
            add(&[I::I32Const(-1), segment.null(), I::I32Const(-1), I::TableFill(table), I::End]);
            add(&[I::LocalGet(TO), segment.null(), I::LocalGet(LENGTH), I::TableFill(table)]);
        }
        None => {
            add(&[I::LocalGet(TO), I::LocalGet(FROM), I::LocalGet(LENGTH), I::TableInit { elem_index: index, table }]);
        }
    }
    for (at, global) in segment.computed() {
        add(&[I::I32Const(at), I::LocalGet(FROM), I::I32Sub, I::LocalGet(LENGTH), I::I32LtU, I::If(BlockType::Empty)]);
        add(&[I::LocalGet(TO), I::I32Const(at), I::I32Add, I::LocalGet(FROM), I::I32Sub]);
        add(&[I::GlobalGet(global), I::TableSet(table), I::End]);
    }
    add(&[I::End]);
    function
}

/// A function that writes the active element segments from `first` on, then the data segments, and calls the start function.
fn initializer(segments: &Segments<'_>, first: usize) -> Function {
    use Instruction as I;
    let mut code = Vec::new();
    for (index, segment) in segments.elements.iter().enumerate().skip(first) {
        let SegmentMode::Active { table, offset } = segment.kind else { continue };
        let (elem_index, length) = (index as u32, I::I32Const(segment.items.len() as i32));
        code.extend_from_slice(offset);
        if segment.ty == RefType::Extern {
            [segment.null(), length, I::TableFill(table)].iter().for_each(|each| each.encode(&mut code));
        } else {
            let init = [I::I32Const(0), length, I::TableInit { elem_index, table }, I::ElemDrop(elem_index)];
            init.iter().for_each(|each| each.encode(&mut code));
        }
        for (at, global) in segment.computed() {
            code.extend_from_slice(offset);
            let set = [I::I32Const(at), I::I32Add, I::GlobalGet(global), I::TableSet(table)];
            set.iter().for_each(|each| each.encode(&mut code));
        }
    }
    for (data_index, data) in (0..).zip(&segments.data) {
        let Some((mem, offset)) = data.active else { continue };
        code.extend_from_slice(offset);
        let length = I::I32Const((data.bytes.len() as u32).cast_signed());
        let init = [I::I32Const(0), length, I::MemoryInit { mem, data_index }, I::DataDrop(data_index)];
        init.iter().for_each(|each| each.encode(&mut code));
    }
    let mut function = Function::new([]);
    function.raw(code);
    if let Some(start) = segments.start {
        function.instruction(&I::Call(start));
    }
    function.instruction(&I::End);
    function
}

/// A data section with the same bytes in passive segments.
fn passive(data: &[Data<'_>]) -> Vec<u8> {
    let mut content = Vec::new();
    (data.len() as u32).encode(&mut content);
    for data in data {
        content.push(1);
        data.bytes.encode(&mut content);
    }
    content
}

/// An element section with null for items that only the instance knows. Code writes the active segments from `moved` on.
fn known(segments: &Segments<'_>, moved: Option<usize>) -> wasmparser::Result<Vec<u8>> {
    let mut section = ElementSection::new();
    for (index, segment) in segments.elements.iter().enumerate() {
        let is_moved = moved.is_some_and(|first| first <= index);
        let is_extern = segment.ty == RefType::Extern;
        let items = segment.items.iter().map(|item| match item {
            Item::Function(function) => ConstExpr::ref_func(*function),
            Item::Null | Item::Global(_) => {
                ConstExpr::ref_null(if is_extern { HeapType::EXTERN } else { HeapType::FUNC })
            }
        });
        let items = items.collect::<Vec<_>>();
        let wasm_encoder::ValType::Ref(ty) = encoded(ValType::Ref(segment.ty)) else {
            unreachable!("it is a reference")
        };
        let items = Elements::Expressions(ty, items.into());
        match segment.kind {
            SegmentMode::Active { table, offset } if !is_moved => {
                section.active(Some(table), &ConstExpr::raw(offset.iter().copied()), items);
            }
            // The initializer copies functions from the segment, and writes null for host references.
            SegmentMode::Active { .. } if !is_extern => {
                section.passive(items);
            }
            SegmentMode::Passive => {
                section.passive(items);
            }
            SegmentMode::Active { .. } | SegmentMode::Declared => {
                section.declared(items);
            }
        }
    }
    content(&section)
}
