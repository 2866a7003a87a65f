//! A list that is mostly empty.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A list that takes eight bytes while it is empty: a record holds several in each of very many instances.
#[derive(Debug, Clone)]
#[expect(clippy::box_collection, reason = "most hold nothing, and a vector is three words long")]
pub struct Few<T>(Option<Box<Vec<T>>>);

impl<T> Few<T> {
    pub fn push(&mut self, item: T) {
        match &mut self.0 {
            Some(list) => list.push(item),
            None => self.0 = Some(Box::new(vec![item])),
        }
    }

    /// Removes the item at this place; those after it move up.
    ///
    /// # Panics
    ///
    /// When there is none at this place.
    pub fn remove(&mut self, at: usize) -> T {
        self.0.as_mut().expect("an empty list has no places").remove(at)
    }

    pub fn clear(&mut self) {
        self.0 = None;
    }

    /// Keeps the items for which `keep` returns true.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        if let Some(list) = &mut self.0 {
            list.retain(keep);
        }
    }

    /// Frees memory that is not needed.
    pub fn shrink_to_fit(&mut self) {
        match &mut self.0 {
            Some(list) if list.is_empty() => self.0 = None,
            Some(list) => list.shrink_to_fit(),
            None => {}
        }
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.0.as_deref_mut().map_or(&mut [], Vec::as_mut_slice)
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T> From<Vec<T>> for Few<T> {
    fn from(list: Vec<T>) -> Self {
        Self((!list.is_empty()).then(|| Box::new(list)))
    }
}

impl<T> From<Few<T>> for Vec<T> {
    fn from(few: Few<T>) -> Self {
        few.0.map(|list| *list).unwrap_or_default()
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Vec::from_iter(items).into()
    }
}

impl<T> Extend<T> for Few<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        Vec::from(self).into_iter()
    }
}

impl<'f, T> IntoIterator for &'f Few<T> {
    type Item = &'f T;
    type IntoIter = std::slice::Iter<'f, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: Serialize> Serialize for Few<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(to)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::deserialize(from).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_behaves_like_a_list() {
        let mut few: Few<u8> = Few::default();
        assert!(few.is_empty() && few == Vec::new().into() && size_of_val(&few) == size_of::<usize>());
        few.extend([1, 2, 3]);
        few.retain(|number| *number != 2);
        few.iter_mut().for_each(|number| *number += 1);
        assert_eq!((&few[..], serde_json::to_string(&few).unwrap()), (&[2, 4][..], "[2,4]".to_owned()));
        assert_eq!(serde_json::from_str::<Few<u8>>("[2,4]").unwrap(), few);
        few.retain(|_| false);
        assert!(few == Few::default());
        few.shrink_to_fit();
        assert!(few.0.is_none() && Vec::from(few).is_empty());
    }
}
