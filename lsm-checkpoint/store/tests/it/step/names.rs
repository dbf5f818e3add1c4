//! Small numbers for keys and contents, so that a state is a few hundred bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

/// The number of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key(u32);

/// The number of a content. Two equal contents have one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Content(u32);

#[derive(Debug, Default)]
struct Tables {
    keys: Vec<Arc<str>>,
    key_numbers: HashMap<Arc<str>, Key>,
    contents: Vec<Bytes>,
    content_numbers: HashMap<Bytes, Content>,
}

/// The keys and contents that a search has met. Clones share their tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    tables: Arc<Mutex<Tables>>,
}

impl Names {
    /// Returns the number of `key`. A new key gets a new number.
    pub(crate) fn key(&self, key: &str) -> Key {
        let mut tables = self.tables.lock().unwrap();
        if let Some(&number) = tables.key_numbers.get(key) {
            return number;
        }
        let (number, key) = (Key(u32::try_from(tables.keys.len()).unwrap()), Arc::<str>::from(key));
        tables.keys.push(Arc::clone(&key));
        tables.key_numbers.insert(key, number);
        number
    }

    /// Returns the number of `content`. New content gets a new number.
    pub(crate) fn content(&self, content: &Bytes) -> Content {
        let mut tables = self.tables.lock().unwrap();
        if let Some(&number) = tables.content_numbers.get(content) {
            return number;
        }
        let number = Content(u32::try_from(tables.contents.len()).unwrap());
        tables.contents.push(content.clone());
        tables.content_numbers.insert(content.clone(), number);
        number
    }

    pub(crate) fn text(&self, key: Key) -> Arc<str> {
        Arc::clone(&self.tables.lock().unwrap().keys[key.0 as usize])
    }

    pub(crate) fn bytes(&self, content: Content) -> Bytes {
        self.tables.lock().unwrap().contents[content.0 as usize].clone()
    }

    pub(crate) fn len(&self, content: Content) -> u64 {
        self.tables.lock().unwrap().contents[content.0 as usize].len() as u64
    }
}
