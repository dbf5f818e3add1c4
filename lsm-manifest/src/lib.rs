//! A checksummed manifest archive for storage engines and the CURRENT pointer bound to its digest.
