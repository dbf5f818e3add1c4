use super::*;
use crate::block::BlockType;

const KEY: [u8; 32] = [0x42; 32];
const MANIFEST: BlockIdentity = BlockIdentity::manifest(BlockType::Manifest);

fn provider(envelope: Envelope) -> Aes256GcmProvider {
    Aes256GcmProvider::new(&KEY, envelope)
}

#[test]
fn a_sealed_payload_opens_again() {
    for envelope in [Envelope::Framed, Envelope::Bare] {
        let provider = provider(envelope);
        for len in [1, 15, 16, 17, 5000] {
            let plaintext = vec![9; len];
            let sealed = provider.seal(&MANIFEST, &plaintext).unwrap();
            assert_eq!(sealed.len(), len + provider.max_overhead());
            assert_ne!(sealed, provider.seal(&MANIFEST, &plaintext).unwrap(), "a nonce is used once");
            assert_eq!(provider.open(&MANIFEST, sealed).unwrap(), plaintext);
        }
    }
}

#[test]
fn an_empty_payload_fits_into_the_bare_envelope_only() {
    let sealed = provider(Envelope::Bare).seal(&MANIFEST, b"").unwrap();
    assert_eq!(provider(Envelope::Bare).open(&MANIFEST, sealed).unwrap(), b"");
    assert!(matches!(provider(Envelope::Framed).seal(&MANIFEST, b""), Err(CryptError::Empty)));
}

#[test]
fn the_frames_have_the_known_bytes() {
    let nonce = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let sealed = provider(Envelope::Framed).seal_with(&MANIFEST, &nonce.into(), b"abc").unwrap();
    let head = [
        0x50, 0x2a, 0x4d, 0x18, 0x27, 0, 0, 0, 0x10, 0, 5, 2, 0, 0, 0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9,
        10, 11, 12,
    ];
    assert_eq!(sealed[..31], head);
    assert_eq!(sealed[47..55], [0x51, 0x2a, 0x4d, 0x18, 3, 0, 0, 0]);
    assert_eq!(sealed.len(), 58);
    let aad =
        [0x50, 0x2a, 0x4d, 0x18, 0x10, 0, 5, 2, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 8];
    assert_eq!(additional_data(&MANIFEST, 0), aad);
}

#[test]
fn every_flipped_bit_and_every_cut_is_rejected() {
    for envelope in [Envelope::Framed, Envelope::Bare] {
        let provider = provider(envelope);
        let sealed = provider.seal(&MANIFEST, b"tables").unwrap();
        for bit in 0..8 * sealed.len() {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(provider.open(&MANIFEST, flipped).is_err(), "{envelope:?}: bit {bit}");
        }
        for len in 0..sealed.len() {
            assert!(provider.open(&MANIFEST, sealed[..len].to_vec()).is_err(), "{envelope:?}: {len}");
        }
    }
}

#[test]
fn frames_are_bound_to_the_type_of_their_block_and_to_manifests() {
    let provider = provider(Envelope::Framed);
    let sealed = provider.seal(&MANIFEST, b"tables").unwrap();
    let footer = BlockIdentity::manifest(BlockType::ManifestFooter);
    let table = BlockIdentity { table_id: 7, ..MANIFEST };
    for other in [footer, table] {
        assert!(matches!(provider.open(&other, sealed.clone()), Err(CryptError::Rejected)), "{other:?}");
    }
    // A frame with a changed type is rejected as well, because the tag covers the type.
    let mut edited = sealed;
    edited[10] = 6;
    assert!(matches!(provider.open(&footer, edited), Err(CryptError::Rejected)));
}

#[test]
fn another_key_is_rejected_and_another_envelope_is_malformed() {
    let other = Aes256GcmProvider::new(&[0x43; 32], Envelope::Framed);
    let sealed = provider(Envelope::Framed).seal(&MANIFEST, b"tables").unwrap();
    assert!(matches!(other.open(&MANIFEST, sealed.clone()), Err(CryptError::Rejected)));
    let mut edited = sealed.clone();
    edited[9] = 3;
    let found = provider(Envelope::Framed).open(&MANIFEST, edited.clone());
    assert!(matches!(found, Err(CryptError::UnknownKey { epoch: 3 })));
    edited[11] = 3;
    let found = provider(Envelope::Framed).open(&MANIFEST, edited);
    assert!(matches!(found, Err(CryptError::UnknownSuite { suite: 3 })));
    let found = provider(Envelope::Framed)
        .open(&MANIFEST, b"no frames at all, and yet quite a long payload....".to_vec());
    assert!(matches!(found, Err(CryptError::Malformed)));
    assert!(matches!(provider(Envelope::Bare).open(&MANIFEST, sealed), Err(CryptError::Rejected)));
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}", provider(Envelope::Framed));
    assert_eq!(shown, "Aes256GcmProvider { envelope: Framed, .. }");
}
