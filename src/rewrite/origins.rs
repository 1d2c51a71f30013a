/// Which function of the original module a function of the rewritten one is.
#[derive(Debug, Default)]
pub struct Origins {
    /// The imports that are gone, in order, by their index in the original module
    pub(super) removed: Vec<u32>,
    /// Index of the first function that was added
    pub(super) first_added: Option<u32>,
    /// For each function that was added: the function of the original module that it stands for
    pub(super) added: Vec<u32>,
}

impl Origins {
    /// The index in the original module of function `index` of the rewritten one; for a thunk or a
    /// forwarder, that of the function which it stands for.
    pub fn of(&self, index: u32) -> u32 {
        if let Some(added) = self.first_added.and_then(|first| index.checked_sub(first))
            && let Some(origin) = self.added.get(added as usize)
        {
            return *origin;
        }
        // Each import that went moved those behind it down by one.
        self.removed.iter().fold(index, |index, removed| if *removed <= index { index + 1 } else { index })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_go_back_to_where_they_came_from() {
        // Functions 0 to 5, of which the imports 0 and 2 went; 4 and 5 of the new module were added.
        let origins = Origins { removed: vec![0, 2], first_added: Some(4), added: vec![2, 1] };
        assert_eq!([0, 1, 2, 3, 4, 5].map(|index| origins.of(index)), [1, 3, 4, 5, 2, 1]);
        assert_eq!(Origins::default().of(7), 7);
    }
}
