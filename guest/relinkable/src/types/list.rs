//! Lists.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use crate::abi::{
    Held, Memory, Position, Scope, Shape, Source, Target, Type, Value, What, Wit, allocate, free, refusal,
};

/// The address and the length of a list, which were checked: they may be those of a slice in the plugin's memory.
pub(crate) struct Parts<T> {
    memory: Memory,
    length: usize,
    elements: PhantomData<T>,
}

impl<T: Type> Parts<T> {
    /// Reads them.
    ///
    /// # Safety
    /// `from` is a list.
    #[inline]
    pub(crate) unsafe fn read<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        let (address, length) = unsafe { (from.get::<4>(), from.at(Position::LENGTH).get::<4>() as usize) };
        let Shape { size, align, .. } = T::SHAPE;
        let fits = length.checked_mul(size).is_some_and(|bytes| bytes <= isize::MAX as usize);
        if length == 0 {
            return Self { memory: Memory(core::ptr::without_provenance_mut(align)), length, elements: PhantomData };
        }
        if !fits || address == 0 || !(address as usize).is_multiple_of(align) {
            refusal::list(what, address, length, size, align);
        }
        Self { memory: Memory::of_address(address), length, elements: PhantomData }
    }

    /// The list where it lies.
    ///
    /// # Safety
    /// The elements are in place, initialized, and stay so for `'a`.
    #[inline]
    pub(crate) unsafe fn slice<'a>(self) -> &'a [T] {
        // SAFETY: by the contract of this function; the address is not null, and aligned.
        unsafe { core::slice::from_raw_parts(self.memory.0.cast(), self.length) }
    }

    /// The list, with its memory.
    ///
    /// # Safety
    /// The elements are in place and initialized, and the memory is this plugin's allocator's, for exactly them.
    #[inline]
    pub(crate) unsafe fn into_vec(self) -> Vec<T> {
        // SAFETY: by the contract of this function.
        unsafe { Vec::from_raw_parts(self.memory.0.cast(), self.length, self.length) }
    }

    /// The place of an element.
    fn element(&self, index: usize) -> Memory {
        Memory(self.memory.0.wrapping_add(index * T::SHAPE.size))
    }
}

/// Whether the bytes of a list are the elements.
const fn any_bytes<T: Type>() -> bool {
    T::IN_PLACE && T::ANY_BYTES
}

/// Size in bytes of a list. Elements may need no memory in Rust, so that a list has more of them than fit here.
#[inline]
fn list_size(length: usize, element: usize) -> usize {
    length.checked_mul(element).expect("a list is larger than the memory")
}

/// Writes an address and a length.
///
/// # Safety
/// `to` is the place of a list.
#[inline]
unsafe fn put_parts<T: Target>(to: T, memory: Memory, length: usize) {
    // SAFETY: by the contract of this function.
    unsafe {
        to.put::<4>(memory.address());
        to.at(Position::LENGTH).put::<4>(length as u32);
    }
}

/// Gives a list away that lies in memory as it should.
///
/// # Safety
/// `to` is the place of a list, and the elements are in place.
#[inline]
pub(crate) unsafe fn give_parts<E, T: Target>(list: Vec<E>, to: T) {
    let list = ManuallyDrop::new(list.into_boxed_slice());
    // SAFETY: by the contract of this function.
    unsafe { put_parts(to, Memory(list.as_ptr().cast_mut().cast()), list.len()) }
}

// SAFETY: a list is the address and the length of its elements, which follow each other as their shape says.
unsafe impl<E: Value> Type for [E] {
    type Owned = Vec<E>;
    const SHAPE: Shape = Shape::LIST;
    const WIT_WITHOUT_RECURSION: &'static Wit = &Wit::Generic("list", &[E::WIT_WITHOUT_RECURSION]);

    #[inline]
    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope) {
        let memory = if E::IN_PLACE {
            Memory(self.as_ptr().cast_mut().cast())
        } else {
            let Shape { size, align, .. } = E::SHAPE;
            let memory = scope.allocate(list_size(self.len(), size), align);
            for (index, element) in self.iter().enumerate() {
                // SAFETY: the memory has room for all elements.
                unsafe { element.lend(Memory(memory.0.add(index * size)), scope) };
            }
            memory
        };
        // SAFETY: by the contract of this function.
        unsafe { put_parts(to, memory, self.len()) }
    }

    #[inline]
    unsafe fn hold<'a, S: Source>(from: S, what: What) -> Held<'a, Self> {
        // SAFETY: by the contract of this function; any bytes are elements.
        unsafe {
            match any_bytes::<E>() {
                true => Held::Lent(Parts::read(from, what).slice()),
                false => Held::Made(Vec::copy(from, what)),
            }
        }
    }
}

// SAFETY: as for `[E]`.
unsafe impl<E: Value> Type for Vec<E> {
    type Owned = Self;
    const SHAPE: Shape = Shape::LIST;
    const WIT_WITHOUT_RECURSION: &'static Wit = <[E] as Type>::WIT_WITHOUT_RECURSION;

    #[inline]
    unsafe fn lend<T: Target>(&self, to: T, scope: &mut Scope) {
        // SAFETY: by the contract of this function.
        unsafe { self.as_slice().lend(to, scope) }
    }
}

// SAFETY: as for `[E]`.
unsafe impl<E: Value> Value for Vec<E> {
    #[inline]
    unsafe fn give<T: Target>(self, to: T) {
        if E::IN_PLACE {
            // SAFETY: by the contract of this function.
            return unsafe { give_parts(self, to) };
        }
        let (length, Shape { size, align, .. }) = (self.len(), E::SHAPE);
        let memory = allocate(list_size(length, size), align);
        for (index, element) in self.into_iter().enumerate() {
            // SAFETY: the memory has room for all elements.
            unsafe { element.give(Memory(memory.0.add(index * size))) };
        }
        // SAFETY: by the contract of this function.
        unsafe { put_parts(to, memory, length) }
    }

    #[inline]
    unsafe fn take<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        let parts = unsafe { Parts::<E>::read(from, what) };
        if any_bytes::<E>() {
            // SAFETY: any bytes are elements, and the memory is this list's.
            return unsafe { parts.into_vec() };
        }
        // SAFETY: by the contract of this function: there are as many elements.
        let list = (0..parts.length).map(|index| unsafe { E::take(parts.element(index), what) }).collect();
        // SAFETY: the memory is this list's, and its elements have moved.
        unsafe { free(parts.memory, parts.length * E::SHAPE.size, E::SHAPE.align) };
        list
    }

    #[inline]
    unsafe fn copy<S: Source>(from: S, what: What) -> Self {
        // SAFETY: by the contract of this function.
        let parts = unsafe { Parts::<E>::read(from, what) };
        if !any_bytes::<E>() {
            // SAFETY: by the contract of this function: there are as many elements.
            return (0..parts.length).map(|index| unsafe { E::copy(parts.element(index), what) }).collect();
        }
        let mut list = Self::with_capacity(parts.length);
        // SAFETY: any bytes are elements, and there is room for as many.
        unsafe {
            list.as_mut_ptr().copy_from_nonoverlapping(parts.memory.0.cast(), parts.length);
            list.set_len(parts.length);
        }
        list
    }

    #[inline]
    unsafe fn discard<S: Source>(from: S) {
        // SAFETY: by the contract of this function: there are as many elements, and the memory is this list's.
        unsafe {
            let parts = Parts::<E>::read(from, "a result of this plugin");
            if !any_bytes::<E>() {
                for index in 0..parts.length {
                    E::discard(parts.element(index));
                }
            }
            free(parts.memory, parts.length * E::SHAPE.size, E::SHAPE.align);
        }
    }
}
