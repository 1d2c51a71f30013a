//! Tuples.

use core::mem::offset_of;

use crate::abi::{Scope, Shape, Source, Target, Type, Value, What, Wit, positions};

macro_rules! tuple {
    ($($name:ident $index:tt)+) => {
        // SAFETY: a tuple is a record of its members.
        unsafe impl<$($name: Value),+> Type for ($($name,)+) {
            type Owned = Self;
            const SHAPE: Shape = Shape::record(&[$($name::SHAPE),+]);
            const WIT_WITHOUT_RECURSION: &'static Wit = &Wit::Generic("tuple", &[$($name::WIT_WITHOUT_RECURSION),+]);
            const IN_PLACE: bool = {
                let at = positions([$($name::SHAPE),+]);
                size_of::<Self>() == Self::SHAPE.size
                    $(&& $name::IN_PLACE && offset_of!(Self, $index) == at[$index].bytes)+
            };
            const ANY_BYTES: bool = true $(&& $name::ANY_BYTES)+;

            #[inline]
            unsafe fn lend<Place: Target>(&self, to: Place, scope: &mut Scope) {
                let at = const { positions([$($name::SHAPE),+]) };
                // SAFETY: by the contract of this function.
                unsafe { $(self.$index.lend(to.at(at[$index]), scope);)+ }
            }
        }

        // SAFETY: as above.
        unsafe impl<$($name: Value),+> Value for ($($name,)+) {
            #[inline]
            unsafe fn give<Place: Target>(self, to: Place) {
                let at = const { positions([$($name::SHAPE),+]) };
                // SAFETY: by the contract of this function.
                unsafe { $(self.$index.give(to.at(at[$index]));)+ }
            }

            #[inline]
            unsafe fn take<Place: Source>(from: Place, what: What) -> Self {
                let at = const { positions([$($name::SHAPE),+]) };
                // SAFETY: by the contract of this function.
                unsafe { ($($name::take(from.at(at[$index]), what),)+) }
            }

            #[inline]
            unsafe fn copy<Place: Source>(from: Place, what: What) -> Self {
                let at = const { positions([$($name::SHAPE),+]) };
                // SAFETY: by the contract of this function.
                unsafe { ($($name::copy(from.at(at[$index]), what),)+) }
            }

            #[inline]
            unsafe fn discard<Place: Source>(from: Place) {
                let at = const { positions([$($name::SHAPE),+]) };
                // SAFETY: by the contract of this function.
                unsafe { $($name::discard(from.at(at[$index]));)+ }
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0 B 1);
tuple!(A 0 B 1 C 2);
tuple!(A 0 B 1 C 2 D 3);
tuple!(A 0 B 1 C 2 D 3 E 4);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
tuple!(A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);
