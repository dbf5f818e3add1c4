//! The filesystem seam of a storage engine: traits with a durability contract, a real backend, a conformance suite.
