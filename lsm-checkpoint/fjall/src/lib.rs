//! Online backup of a whole fjall database.
