use super::*;

#[test]
fn the_message_is_one_line_with_operation_paths_and_cause() {
    let error = Error::with_paths(Op::HardLink, "a", "b", io::Error::from(io::ErrorKind::NotFound));
    assert_eq!(error.to_string(), "hard_link a -> b: entity not found");
}

#[test]
fn the_message_shows_poison_and_a_failed_cleanup() {
    let cleanup = Error::new(Op::RemoveFile, "t", io::Error::from(io::ErrorKind::PermissionDenied));
    let error =
        Error::new(Op::SyncAll, "f", io::Error::other("gone")).poisoned().with_cleanup_failure(cleanup);
    assert!(error.is_poisoned());
    assert_eq!(
        error.to_string(),
        "sync_all f: refused after an earlier failed sync: gone (and the clean-up failed: remove_file t: permission \
         denied)"
    );
}

#[test]
fn an_errno_survives_a_conversion_into_io_error() {
    for code in [crate::errno::EXDEV, crate::errno::EMLINK, crate::errno::ENOTTY] {
        let error = Error::new(Op::HardLink, "a", io::Error::from_raw_os_error(code));
        let kind = error.kind();
        let io_error = io::Error::from(error);
        assert_eq!(raw_os_error(&io_error), Some(code));
        assert_eq!(io_error.kind(), kind);
        // Wrapped once more, as `Read` and `Write` wrap their errors.
        assert_eq!(Error::new(Op::CopyBatch, "c", io_error).raw_os_error(), Some(code));
    }
}

#[test]
fn only_refusals_allow_a_fallback() {
    use crate::errno::*;
    let of = |code| Error::new(Op::HardLink, "a", io::Error::from_raw_os_error(code)).allows_fallback();
    for code in [EXDEV, EMLINK, EPERM, EACCES, EOPNOTSUPP, ENOSYS, EINVAL, ENOTTY] {
        assert!(of(code), "errno {code}");
    }
    let clone = Error::new(Op::ReflinkFile, "a", io::Error::from_raw_os_error(EAGAIN));
    assert!(clone.allows_fallback());
    for code in [EEXIST, ENOENT, ENOSPC, EDQUOT, EIO, EROFS, EAGAIN] {
        assert!(!of(code), "errno {code}");
    }
    assert!(Error::new(Op::ReflinkFile, "a", io::Error::from(io::ErrorKind::Unsupported)).allows_fallback());
    assert!(!Error::new(Op::ReflinkFile, "a", io::Error::other("?")).allows_fallback());
}

#[test]
fn cancellation_is_recognised_and_is_not_interrupted() {
    let error = Error::cancelled(Op::CopyBatch, "f");
    assert!(error.is_cancelled());
    assert_ne!(error.kind(), io::ErrorKind::Interrupted, "std loops retry `Interrupted`");
    assert!(!Error::new(Op::CopyBatch, "f", io::Error::other("x")).is_cancelled());
}
