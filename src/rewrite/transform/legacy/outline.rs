use wasmparser::{FunctionBody, Operator};

/// What has to be known of a function's body before the first `try` is written.
#[derive(Default)]
pub(super) struct Outline {
    /// Each `try`, in order
    pub(super) tries: Vec<Try>,
    /// Whether a `delegate` leads out of the function, past a `try` that is around it
    pub(super) lands: bool,
}

/// A `try`.
#[derive(Default)]
pub(super) struct Try {
    /// The tag of each of its `catch` clauses, none for `catch_all`
    pub(super) clauses: Vec<Option<u32>>,
    /// Whether a `rethrow` throws again what it caught
    pub(super) rethrown: bool,
    /// Where what its body throws goes, if not to the `try` around it
    pub(super) delegates: Option<Target>,
    /// Whether a `delegate` leads into its body
    pub(super) lands: bool,
}

/// What a `delegate` leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
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
    /// None if the body has no `try`.
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

    /// What `frames` around a `try` its `delegate` leads to. A label that is no body of a `try` stands
    /// for the first one around it.
    fn delegate(&mut self, frames: &[OutlineFrame], index: usize, depth: u32) {
        let innermost = |frames: &[OutlineFrame]| {
            let body = |frame: &OutlineFrame| match frame {
                OutlineFrame::Try { index, in_body: true } => Some(Target::Try(*index)),
                _ => None,
            };
            frames.iter().rev().find_map(body).unwrap_or(Target::Caller)
        };
        let target = innermost(&frames[..frames.len().saturating_sub(depth as usize)]);
        // That is where it goes anyway.
        if target == innermost(frames) {
            return;
        }
        self.tries[index].delegates = Some(target);
        match target {
            Target::Try(target) => self.tries[target].lands = true,
            Target::Caller => self.lands = true,
        }
    }
}
