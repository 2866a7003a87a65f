//! Lists that may be long: held in pieces, so that nothing is copied while a list grows, and each piece is freed once
//! it was read.

use std::ops::Index;
use std::slice;

/// The most items of a piece.
const PIECE: usize = 1024;

/// Items in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct List<T>(Repr<T>);

#[derive(Debug, Clone, PartialEq)]
enum Repr<T> {
    Short(Box<[T]>),
    #[expect(clippy::box_collection, reason = "a short list, of which there are many, is no larger than two pointers")]
    Long(Box<Vec<Vec<T>>>),
}

impl<T> List<T> {
    pub fn items(&self) -> Items<'_, T> {
        match &self.0 {
            Repr::Short(items) => Items { first: items, more: &[] },
            Repr::Long(pieces) => match pieces.split_first() {
                Some((first, more)) => Items { first, more },
                None => Items::default(),
            },
        }
    }

    pub fn iter(&self) -> Iter<'_, T> {
        self.items().iter()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let (short, long) = match &mut self.0 {
            Repr::Short(items) => (Some(items), None),
            Repr::Long(pieces) => (None, Some(pieces)),
        };
        short.into_iter().flatten().chain(long.into_iter().flat_map(|pieces| pieces.iter_mut().flatten()))
    }

    pub fn len(&self) -> usize {
        self.items().len()
    }

    pub fn is_empty(&self) -> bool {
        self.items().is_empty()
    }

    pub fn first(&self) -> Option<&T> {
        self.items().first()
    }

    pub fn get(&self, at: usize) -> Option<&T> {
        self.items().get(at)
    }
}

impl<T> Index<usize> for List<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        self.get(at).expect("an index is that of an item")
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Repr::Short(Box::default()))
    }
}

/// A list to which items are added.
#[derive(Debug)]
pub struct Growing<T> {
    /// All of the same size.
    full: Vec<Vec<T>>,
    last: Vec<T>,
}

impl<T> Growing<T> {
    pub fn push(&mut self, item: T) {
        if self.last.len() == PIECE {
            self.full.push(std::mem::take(&mut self.last));
        }
        self.last.push(item);
    }

    pub fn len(&self) -> usize {
        self.full.len() * PIECE + self.last.len()
    }

    pub fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    pub fn last(&self) -> Option<&T> {
        self.last.last()
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.full.iter().flatten().chain(&self.last)
    }
}

impl<T> Default for Growing<T> {
    fn default() -> Self {
        Self { full: Vec::new(), last: Vec::new() }
    }
}

impl<T> Extend<T> for Growing<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> From<Growing<T>> for List<T> {
    fn from(mut grown: Growing<T>) -> Self {
        if grown.full.is_empty() {
            return Self(Repr::Short(grown.last.into()));
        }
        grown.last.shrink_to_fit();
        grown.full.push(grown.last);
        Self(Repr::Long(Box::new(grown.full)))
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let items = items.into_iter();
        let mut grown = Growing { full: Vec::new(), last: Vec::with_capacity(items.size_hint().0.min(PIECE)) };
        grown.extend(items);
        grown.into()
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(items: Vec<T>) -> Self {
        match items.len() <= PIECE {
            true => Self(Repr::Short(items.into())),
            false => items.into_iter().collect(),
        }
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        let (piece, rest) = match self.0 {
            Repr::Short(items) => (items.into_vec(), Vec::new()),
            Repr::Long(pieces) => (Vec::new(), *pieces),
        };
        IntoIter { piece: piece.into_iter(), rest: rest.into_iter() }
    }
}

/// Frees every piece as soon as its items were taken.
#[derive(Debug)]
pub struct IntoIter<T> {
    piece: std::vec::IntoIter<T>,
    rest: std::vec::IntoIter<Vec<T>>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        loop {
            if let Some(item) = self.piece.next() {
                return Some(item);
            }
            self.piece = self.rest.next()?.into_iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.piece.len() + self.rest.as_slice().iter().map(Vec::len).sum::<usize>();
        (left, Some(left))
    }
}

impl<'l, T> IntoIterator for &'l List<T> {
    type Item = &'l T;
    type IntoIter = Iter<'l, T>;

    fn into_iter(self) -> Iter<'l, T> {
        self.iter()
    }
}

/// The items of a [`List`], or of a slice.
#[derive(Debug)]
pub struct Items<'l, T> {
    first: &'l [T],
    more: &'l [Vec<T>],
}

impl<T> Clone for Items<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Items<'_, T> {}

impl<T> Default for Items<'_, T> {
    fn default() -> Self {
        Self { first: &[], more: &[] }
    }
}

impl<'l, T> Items<'l, T> {
    /// One item alone.
    pub fn one(item: &'l T) -> Self {
        Self { first: slice::from_ref(item), more: &[] }
    }

    pub fn iter(self) -> Iter<'l, T> {
        Iter { piece: self.first.iter(), rest: self.more.iter() }
    }

    pub fn len(self) -> usize {
        self.first.len() + self.more.iter().map(Vec::len).sum::<usize>()
    }

    pub fn is_empty(self) -> bool {
        self.first.is_empty()
    }

    pub fn first(self) -> Option<&'l T> {
        self.first.first()
    }

    pub fn get(self, at: usize) -> Option<&'l T> {
        match at.checked_sub(self.first.len()) {
            None => self.first.get(at),
            Some(behind) => self.more.get(behind / PIECE)?.get(behind % PIECE),
        }
    }
}

impl<'l, T> IntoIterator for Items<'l, T> {
    type Item = &'l T;
    type IntoIter = Iter<'l, T>;

    fn into_iter(self) -> Iter<'l, T> {
        self.iter()
    }
}

#[derive(Debug, Clone)]
pub struct Iter<'l, T> {
    piece: slice::Iter<'l, T>,
    rest: slice::Iter<'l, Vec<T>>,
}

impl<'l, T> Iterator for Iter<'l, T> {
    type Item = &'l T;

    fn next(&mut self) -> Option<&'l T> {
        loop {
            if let Some(item) = self.piece.next() {
                return Some(item);
            }
            self.piece = self.rest.next()?.iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.piece.len() + self.rest.as_slice().iter().map(Vec::len).sum::<usize>();
        (left, Some(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_its_items_in_order_however_many_they_are() {
        for many in [0, 1, 5, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7] {
            let all: Vec<usize> = (0..many).collect();
            let mut grown = Growing::default();
            all.iter().for_each(|item| grown.push(*item));
            assert_eq!((grown.len(), grown.is_empty(), grown.last()), (many, many == 0, all.last()));
            assert!(grown.iter().eq(&all));
            let mut list = List::from(grown);
            assert_eq!((list.len(), list.is_empty(), list.first()), (many, many == 0, all.first()));
            assert!((0..=many).all(|at| list.get(at) == all.get(at)), "{many}");
            assert!(list.iter().eq(&all) && list.clone().into_iter().eq(all.iter().copied()));
            assert!(list == all.iter().copied().collect() && list == List::from(all));
            list.iter_mut().for_each(|item| *item += 1);
            assert!(list.into_iter().eq(1..=many));
        }
        assert!(size_of::<List<u64>>() <= 16);
    }
}
