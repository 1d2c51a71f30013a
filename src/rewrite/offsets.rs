//! Offsets of code before the load-time pass.

use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// Offsets in the author's module of a module's code, as a chain of the steps of the pass that changed bodies.
#[derive(Debug, Default)]
pub struct Offsets(Vec<Step>);

/// A step of the pass.
#[derive(Debug)]
struct Step {
    bodies: StepOffsets,
    /// The bodies that it has moved to other functions: the function before the step, by the function after it
    moved: BTreeMap<u32, u32>,
}

/// For each body that a step changed, by its index among the functions that the module defines: its offsets before the step.
pub(in crate::rewrite) type StepOffsets = FxHashMap<u32, BodyOffsets>;

impl Offsets {
    /// Adds a step, the last one so far.
    pub(in crate::rewrite) fn add(&mut self, step: StepOffsets) {
        self.add_moved(step, BTreeMap::new());
    }

    /// Adds a step that has moved bodies to other functions.
    pub(in crate::rewrite) fn add_moved(&mut self, bodies: StepOffsets, moved: BTreeMap<u32, u32>) {
        if !bodies.is_empty() {
            self.0.push(Step { bodies, moved });
        }
    }

    /// The function and the offset in its body as its author compiled it, for an offset in the body of function `index`.
    /// Functions are counted among those that the module defines.
    pub fn original(&self, index: u32, offset: u32) -> (u32, u32) {
        self.0.iter().rev().fold((index, offset), |(index, offset), step| {
            let offset = step.bodies.get(&index).map_or(offset, |body| body.before(offset));
            (step.moved.get(&index).copied().unwrap_or(index), offset)
        })
    }
}

/// The code of a body, as runs that were copied and runs that replace something.
#[derive(Debug, Default, Clone)]
pub(in crate::rewrite) struct BodyOffsets(Vec<Run>);

#[derive(Debug, Clone)]
struct Run {
    /// Offset in the new body
    begin: u32,
    /// Offset in the old body of the copied code, or of the instruction that it replaces
    before: u32,
    is_copied: bool,
}

impl BodyOffsets {
    fn before(&self, offset: u32) -> u32 {
        let Some(run) = self.0[..self.0.partition_point(|run| run.begin <= offset)].last() else { return offset };
        if run.is_copied { run.before + (offset - run.begin) } else { run.before }
    }

    /// Adds a run of code that was copied from `before`, or that stands for the instruction there.
    pub fn push(&mut self, begin: usize, before: usize, is_copied: bool) {
        let (begin, before) = (begin as u32, before as u32);
        let goes_on = |last: &Run| {
            is_copied && last.is_copied && before.wrapping_sub(last.before) == begin.wrapping_sub(last.begin)
        };
        if !self.0.last().is_some_and(goes_on) {
            self.0.push(Run { begin, before, is_copied });
        }
    }

    /// Moves all code by `distance` bytes towards the end.
    pub fn shift(&mut self, distance: i32) {
        self.0.iter_mut().for_each(|run| run.begin = run.begin.wrapping_add_signed(distance));
    }
}

/// A changed body, and its offsets before the change.
pub(in crate::rewrite) struct ChangedBody {
    pub code: Vec<u8>,
    pub offsets: BodyOffsets,
}

/// A body that is being changed, from its begin to its end.
pub(in crate::rewrite) struct BodyEdit<'a> {
    bytes: &'a [u8],
    /// Offset up to which code was copied or replaced
    done: usize,
    changed: ChangedBody,
    is_changed: bool,
}

impl<'a> BodyEdit<'a> {
    /// A body of which nothing is changed yet.
    pub fn new(bytes: &'a [u8]) -> Self {
        let changed = ChangedBody { code: Vec::new(), offsets: BodyOffsets::default() };
        Self { bytes, done: 0, changed, is_changed: false }
    }

    /// Replaces a range, after those replaced before, by the code that `write` writes.
    pub fn replace(&mut self, range: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.is_changed {
            self.changed.code.reserve(self.bytes.len() + self.bytes.len() / 4);
            self.is_changed = true;
        }
        self.copy(range.start);
        self.changed.offsets.push(self.changed.code.len(), range.start, false);
        write(&mut self.changed.code);
        self.done = range.end;
    }

    fn copy(&mut self, end: usize) {
        if self.done < end {
            self.changed.offsets.push(self.changed.code.len(), self.done, true);
            self.changed.code.extend_from_slice(&self.bytes[self.done..end]);
        }
    }

    /// Size of the body if nothing more is replaced.
    pub fn size(&self) -> usize {
        self.changed.code.len() + self.bytes.len() - self.done
    }

    /// The body; none if nothing has been replaced.
    pub fn finish(mut self) -> Option<ChangedBody> {
        self.copy(if self.is_changed { self.bytes.len() } else { 0 });
        self.is_changed.then_some(self.changed)
    }
}

/// The bytes of a body, and its offsets for the step.
pub(in crate::rewrite) fn split<'a>(
    changed: Option<ChangedBody>,
    bytes: &'a [u8],
    index: u32,
    step: &mut StepOffsets,
) -> Cow<'a, [u8]> {
    match changed {
        None => Cow::Borrowed(bytes),
        Some(ChangedBody { code, offsets }) => {
            step.insert(index, offsets);
            Cow::Owned(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_leads_back_through_all_steps() {
        // The bytes stand for themselves: 0 to 9.
        let bytes: Vec<u8> = (0..10).collect();
        let mut edit = BodyEdit::new(&bytes);
        edit.replace(2..4, |code| code.extend([20, 21, 22]));
        edit.replace(6..6, |code| code.push(60));
        edit.replace(8..9, |_| {});
        assert_eq!(edit.size(), 11);
        let ChangedBody { code, offsets } = edit.finish().unwrap();
        assert_eq!(code, [0, 1, 20, 21, 22, 4, 5, 60, 6, 7, 9]);
        let before: Vec<_> = (0..11).map(|offset| offsets.before(offset)).collect();
        assert_eq!(before, [0, 1, 2, 2, 2, 4, 5, 6, 6, 7, 9]);

        let mut edit = BodyEdit::new(&code);
        edit.replace(0..1, |code| code.extend([99, 99]));
        let second = edit.finish().unwrap();
        let mut all = Offsets::default();
        all.add([(3, offsets)].into_iter().collect());
        all.add_moved([(5, second.offsets)].into_iter().collect(), [(5, 3)].into());
        assert_eq!(
            (0..12).map(|offset| all.original(5, offset)).collect::<Vec<_>>(),
            [0, 0, 1, 2, 2, 2, 4, 5, 6, 6, 7, 9].map(|offset| (3, offset))
        );
        assert_eq!(all.original(2, 7), (2, 7), "another function");
        assert!(BodyEdit::new(&bytes).finish().is_none());
    }
}
