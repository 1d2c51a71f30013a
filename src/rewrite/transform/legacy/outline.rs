//! The outline of a function body: its `try` blocks.

use wasmparser::{FunctionBody, Operator};

/// The `try` blocks of a function body, found before the translation.
#[derive(Default)]
pub(super) struct Outline {
    /// Each `try`, in order
    pub(super) tries: Vec<Try>,
    /// Whether a `delegate` inside a `try` targets the caller of the function
    pub(super) lands: bool,
}

/// A `try`.
#[derive(Default)]
pub(super) struct Try {
    /// The tag of each of its `catch` clauses, none for `catch_all`
    pub(super) clauses: Vec<Option<u32>>,
    /// Whether a `rethrow` throws its exception again
    pub(super) rethrown: bool,
    /// The target of its `delegate`, if that is not the enclosing `try`
    pub(super) delegates: Option<DelegateTarget>,
    /// Whether its body is the target of a `delegate`
    pub(super) lands: bool,
}

/// The target of a `delegate`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DelegateTarget {
    /// The body of a `try`
    Try(usize),
    /// The caller of the function
    Caller,
}

enum OutlineFrame {
    Block,
    Try { index: usize, in_body: bool },
}

impl Outline {
    /// The outline of a body; none if it has no `try`.
    pub(super) fn of(body: &FunctionBody<'_>) -> wasmparser::Result<Option<Self>> {
        let mut outline = Self::default();
        let mut frames = Vec::new();
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } | Operator::TryTable { .. } => {
                    frames.push(OutlineFrame::Block);
                }
                Operator::Try { .. } => {
                    frames.push(OutlineFrame::Try { index: outline.tries.len(), in_body: true });
                    outline.tries.push(Try::default());
                }
                Operator::Catch { tag_index } => outline.clause(&mut frames, Some(tag_index)),
                Operator::CatchAll => outline.clause(&mut frames, None),
                Operator::Rethrow { relative_depth } => {
                    if let Some(OutlineFrame::Try { index, .. }) = frames.iter().rev().nth(relative_depth as usize) {
                        outline.tries[*index].rethrown = true;
                    }
                }
                Operator::Delegate { relative_depth } => {
                    if let Some(OutlineFrame::Try { index, .. }) = frames.pop() {
                        outline.delegate(&frames, index, relative_depth);
                    }
                }
                Operator::End => {
                    frames.pop();
                }
                _ => {}
            }
        }
        Ok((!outline.tries.is_empty()).then_some(outline))
    }

    fn clause(&mut self, frames: &mut [OutlineFrame], tag: Option<u32>) {
        if let Some(OutlineFrame::Try { index, in_body }) = frames.last_mut() {
            *in_body = false;
            self.tries[*index].clauses.push(tag);
        }
    }

    /// Notes the target of the `delegate` of `try` number `index`, which `frames` enclose. A label that is not the body of a
    /// `try` means the first such body around it.
    fn delegate(&mut self, frames: &[OutlineFrame], index: usize, depth: u32) {
        let innermost = |frames: &[OutlineFrame]| {
            let body = |frame: &OutlineFrame| match frame {
                OutlineFrame::Try { index, in_body: true } => Some(DelegateTarget::Try(*index)),
                _ => None,
            };
            frames.iter().rev().find_map(body).unwrap_or(DelegateTarget::Caller)
        };
        let target = innermost(&frames[..frames.len().saturating_sub(depth as usize)]);
        // An exception goes there without a `delegate`.
        if target == innermost(frames) {
            return;
        }
        self.tries[index].delegates = Some(target);
        match target {
            DelegateTarget::Try(target) => self.tries[target].lands = true,
            DelegateTarget::Caller => self.lands = true,
        }
    }
}
