//! [`Rules`]: the rules of the protocol. The proof can leave out each one. `DESIGN.md` explains states and K.

/// The rules that protect backups. All are on. Only the crate's proof turns one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each rule is independent of the others")]
pub struct Rules {
    /// A state that was read counts only if a second list shows none that is K or more above it.
    pub relist: bool,
    /// A state that was created counts only if a list shows none that is K or more above it.
    pub window: bool,
    /// The rule `window`, for a client's own state that it finds after `AlreadyExists` or a refusal.
    pub window_seen: bool,
    /// A push does not add its backup to a state that already has it.
    pub already: bool,
    /// A push commits only while its writer is registered.
    pub fenced: bool,
    /// A push commits only if the state that it derives from references each object that it reuses.
    pub gone: bool,
    /// A collector spares the objects of registered writers.
    pub registered: bool,
    /// A collector lists objects first and reads the newest state afterwards.
    pub list_first: bool,
    /// The key of a catalog names its writer and its attempt, so no catalog is written over another.
    pub fresh_key: bool,
    /// Only states that are K or more below the newest are deleted.
    pub trim_k: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self::ALL
    }
}

impl Rules {
    /// All rules.
    pub const ALL: Self = Self {
        relist: true,
        window: true,
        window_seen: true,
        already: true,
        fenced: true,
        gone: true,
        registered: true,
        list_first: true,
        fresh_key: true,
        trim_k: true,
    };

    /// The names of all rules.
    #[cfg(feature = "proof")]
    pub const NAMES: [&str; 10] = [
        "relist",
        "window",
        "window_seen",
        "already",
        "fenced",
        "gone",
        "registered",
        "list_first",
        "fresh_key",
        "trim_k",
    ];

    /// All rules except the one with this name. An unknown name gives `None`.
    #[cfg(feature = "proof")]
    #[must_use]
    pub fn without(name: &str) -> Option<Self> {
        let mut rules = Self::ALL;
        let rule = match name {
            "relist" => &mut rules.relist,
            "window" => &mut rules.window,
            "window_seen" => &mut rules.window_seen,
            "already" => &mut rules.already,
            "fenced" => &mut rules.fenced,
            "gone" => &mut rules.gone,
            "registered" => &mut rules.registered,
            "list_first" => &mut rules.list_first,
            "fresh_key" => &mut rules.fresh_key,
            "trim_k" => &mut rules.trim_k,
            _ => return None,
        };
        *rule = false;
        Some(rules)
    }
}
