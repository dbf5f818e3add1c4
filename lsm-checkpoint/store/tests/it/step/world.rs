//! The objects of a store, and the effect of each request on them.

use super::names::{Content, Key, Names};

/// A request as a client sends it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Request {
    Put {
        key: Key,
        content: Content,
        create: bool,
    },
    Get {
        key: Key,
    },
    /// The next page of a list. `after` is the last key of the page before.
    Page {
        prefix: Option<Key>,
        after: Option<Key>,
    },
    Delete {
        key: Key,
    },
    Copy {
        from: Key,
        to: Key,
        create: bool,
    },
}

/// An answer as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Done,
    Exists,
    Missing,
    /// An error after which the effect is unknown.
    Unknown,
    Object(Content),
    Page {
        keys: Vec<(Key, Content)>,
        last: bool,
    },
}

/// The way a store treats one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// The effect, then the answer.
    Served,
    /// The effect without an answer.
    Lost,
    /// An error instead of the effect.
    Failed,
    /// An error now, and the effect at any later step.
    Later,
    /// S3's 409: nothing was written, yet the client is told that the key exists.
    Conflict,
}

impl Fate {
    /// Returns the fates that make a difference for `request`, apart from [`Fate::Served`].
    pub(crate) fn faults(request: &Request) -> &'static [Self] {
        match request {
            Request::Put { create: true, .. } => &[Self::Lost, Self::Failed, Self::Later, Self::Conflict],
            Request::Put { .. } | Request::Copy { .. } | Request::Delete { .. } => {
                &[Self::Lost, Self::Failed, Self::Later]
            }
            Request::Get { .. } | Request::Page { .. } => &[Self::Failed],
        }
    }
}

/// The habits that differ between stores.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Habits {
    /// The number of keys in a page of a list.
    pub(crate) page: usize,
    /// `true` if lists are sorted by key. S3 Express does not sort.
    pub(crate) sorted: bool,
    /// `true` if a delete of a missing key succeeds, as on S3.
    pub(crate) quiet_delete: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self { page: 1000, sorted: true, quiet_delete: false }
    }
}

/// The objects, sorted by the numbers of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct World {
    objects: Vec<(Key, Content)>,
}

impl World {
    pub(crate) fn objects(&self) -> &[(Key, Content)] {
        &self.objects
    }

    pub(crate) fn get(&self, key: Key) -> Option<Content> {
        let at = self.objects.binary_search_by_key(&key, |pair| pair.0).ok()?;
        Some(self.objects[at].1)
    }

    fn insert(&mut self, key: Key, content: Content) {
        match self.objects.binary_search_by_key(&key, |pair| pair.0) {
            Ok(at) => self.objects[at].1 = content,
            Err(at) => self.objects.insert(at, (key, content)),
        }
    }

    fn remove(&mut self, key: Key) -> bool {
        let found = self.objects.binary_search_by_key(&key, |pair| pair.0);
        found.map(|at| self.objects.remove(at)).is_ok()
    }

    /// Applies `request`, and returns the answer.
    pub(crate) fn serve(&mut self, request: &Request, names: &Names, habits: Habits) -> Answer {
        match *request {
            Request::Put { key, create: true, .. } if self.get(key).is_some() => Answer::Exists,
            Request::Put { key, content, .. } => {
                self.insert(key, content);
                Answer::Done
            }
            Request::Get { key } => self.get(key).map_or(Answer::Missing, Answer::Object),
            Request::Delete { key } => {
                if self.remove(key) || habits.quiet_delete {
                    Answer::Done
                } else {
                    Answer::Missing
                }
            }
            Request::Copy { from, to, create } => match self.get(from) {
                None => Answer::Missing,
                Some(_) if create && self.get(to).is_some() => Answer::Exists,
                Some(content) => {
                    self.insert(to, content);
                    Answer::Done
                }
            },
            Request::Page { prefix, after } => self.page(prefix, after, names, habits),
        }
    }

    fn page(&self, prefix: Option<Key>, after: Option<Key>, names: &Names, habits: Habits) -> Answer {
        let rank = |key: Key| {
            let text = names.text(key);
            if habits.sorted { text.to_string() } else { text.chars().rev().collect() }
        };
        let prefix = prefix.map(|prefix| format!("{}/", names.text(prefix)));
        let below = |key: Key| prefix.as_ref().is_none_or(|prefix| names.text(key).starts_with(prefix));
        let after = after.map(rank);
        let mut found: Vec<_> = self.objects.iter().copied().filter(|pair| below(pair.0)).collect();
        found.retain(|pair| after.as_ref().is_none_or(|after| rank(pair.0) > *after));
        found.sort_by_cached_key(|pair| rank(pair.0));
        let last = found.len() <= habits.page;
        found.truncate(habits.page);
        Answer::Page { keys: found, last }
    }
}
