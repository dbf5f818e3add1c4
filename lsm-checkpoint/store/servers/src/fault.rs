//! [`Fault`]: the ways in which a request can go wrong.

use hyper::Method;

use crate::call::Call;

/// The fate of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request goes through.
    None,
    /// The connection is cut in the middle of the request. The server never sees it.
    CutRequest,
    /// The server does its work, and the connection is cut instead of an answer.
    LoseAnswer,
    /// The server does its work, and the client gets this status.
    RefuseAfter(u16),
    /// The client gets this status. The server never sees the request.
    Refuse(u16),
    /// The request waits at the proxy until the client goes away. The server never sees it.
    Hold,
    /// The server does its work, and the answer waits at the proxy until the client goes away.
    HoldAnswer,
    /// The server gets the head of the request at once, and its body only when this many requests have come that far.
    Together(usize),
    /// The server does not see the condition of a create.
    Unconditional,
    /// The body of the answer comes byte by byte at first, then in small pieces. Between two pieces, the proxy lets all
    /// other tasks work.
    Trickle,
    /// The first half of the answer's body comes, and the rest never does. The connection stays.
    Stall,
    /// The connection is cut in the middle of the answer's body.
    CutBody,
    /// The body of the answer is cut short, and its length header agrees.
    ShortBody,
    /// One bit of the answer's body is wrong.
    FlipBody,
    /// The answer has the entity tag of another object.
    WrongTag,
}

impl Fault {
    /// The faults that a client of a correct store can meet without being killed.
    pub const ALL: &[Self] = &[
        Self::CutRequest,
        Self::LoseAnswer,
        Self::RefuseAfter(500),
        Self::Refuse(500),
        Self::Refuse(503),
        Self::Refuse(409),
        Self::Trickle,
        Self::CutBody,
        Self::ShortBody,
        Self::FlipBody,
        Self::WrongTag,
    ];

    /// Returns `true` if the fault can happen to `call`. A damaged answer needs a body that is read. A conflict needs a
    /// conditional request.
    #[must_use]
    pub fn fits(self, call: &Call) -> bool {
        match self {
            Self::Refuse(409) => call.creates,
            Self::Trickle | Self::Stall | Self::CutBody => call.method == Method::GET,
            // No correct store cuts a list short and still calls it complete.
            Self::ShortBody | Self::FlipBody | Self::WrongTag => call.method == Method::GET && !call.lists(),
            _ => true,
        }
    }
}

/// Draws faults from a seed. About one in `rarity` requests gets a fault.
#[derive(Debug, Clone)]
pub struct Seeded {
    state: u64,
    rarity: u64,
}

impl Seeded {
    /// Creates a plan. The same seed gives the same faults to the same requests.
    #[must_use]
    pub fn new(seed: u64, rarity: u64) -> Self {
        Self { state: seed, rarity: rarity.max(1) }
    }

    /// Draws a number (SplitMix64).
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Draws the fault of the next request.
    pub fn fault(&mut self, call: &Call) -> Fault {
        if !self.draw().is_multiple_of(self.rarity) {
            return Fault::None;
        }
        let fitting: Vec<_> = Fault::ALL.iter().copied().filter(|fault| fault.fits(call)).collect();
        let at = usize::try_from(self.draw() % fitting.len() as u64).unwrap_or_default();
        fitting.get(at).copied().unwrap_or(Fault::None)
    }
}
