use super::*;

fn decode(head: &[u8], parts: &[Vec<u8>]) -> Result<Catalog, Refusal> {
    let mut take = |_| Ok(());
    let mut catalog = decode_head(head, &mut take)?;
    parts.iter().try_for_each(|part| decode_files(&mut catalog, part, &mut take))?;
    check(&catalog)?;
    Ok(catalog)
}

#[test]
fn files_that_are_not_listed_tree_by_tree_are_refused() {
    let mut catalog = sample();
    catalog.files.sort_by_key(|file| std::cmp::Reverse(file.tree));
    assert_ne!(catalog.files, sample().files);
    let refused = decode(&encode_head(&catalog), &encode_files(&catalog));
    assert_eq!(refused, Err(CatalogDefect::Order.into()));
}

#[test]
fn an_identity_has_an_end() {
    let mut catalog = sample();
    catalog.identity = "i".repeat(1024);
    assert_eq!(decode(&encode_head(&catalog), &encode_files(&catalog)), Ok(catalog.clone()));
    catalog.identity.push('i');
    let refused = decode(&encode_head(&catalog), &encode_files(&catalog));
    assert_eq!(refused, Err(CatalogDefect::Identity.into()));
}

fn sample() -> Catalog {
    let file = |tree, kind, name: &str, checksum, method| CatalogFile {
        tree,
        kind,
        name: name.to_owned(),
        len: 4096,
        checksum,
        method,
    };
    Catalog {
        identity: "an engine".to_owned(),
        seqno: 77,
        created: Duration::from_millis(1_700_000_000_123),
        trees: vec![
            CatalogTree {
                folder: "users".to_owned(),
                version_id: 3,
                folders: vec!["tables".to_owned(), "blobs".to_owned()],
            },
            CatalogTree { folder: "orders".to_owned(), version_id: 9, folders: vec![] },
        ],
        files: vec![
            file(0, FileKind::Table, "1", Some(u128::MAX - 1), Method::HardLink),
            file(0, FileKind::Blob, "1", None, Method::Copy),
            file(1, FileKind::other("filters"), "1.f", Some(0), Method::Reflink),
            file(1, FileKind::Metadata, "v9", Some(5), Method::Written),
            file(1, FileKind::Metadata, "current", Some(6), Method::BaseLink),
        ],
    }
}

#[test]
fn what_is_encoded_is_decoded() {
    let catalog = sample();
    assert_eq!(decode(&encode_head(&catalog), &encode_files(&catalog)), Ok(catalog));
}

#[test]
fn every_truncation_is_refused_or_shorter() {
    let catalog = sample();
    let (head, parts) = (encode_head(&catalog), encode_files(&catalog));
    for len in 0..parts[0].len() {
        match decode(&head, &[parts[0][..len].to_vec()]) {
            Ok(shorter) => assert!(shorter.files.len() < catalog.files.len(), "{len}"),
            Err(refusal) => assert_eq!(refusal, Refusal::Defect(CatalogDefect::Length), "{len}"),
        }
    }
    for len in 0..head.len() {
        assert_ne!(decode(&head[..len], &parts), Ok(sample()), "{len}");
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let edits: [fn(&mut Catalog, String); 4] = [
        |catalog, name| catalog.files[0].name = name,
        |catalog, name| catalog.files[2].kind = FileKind::Other(name.into()),
        |catalog, name| catalog.trees[0].folder = name,
        |catalog, name| catalog.trees[0].folders[1] = name,
    ];
    for (at, edit) in edits.into_iter().enumerate() {
        for name in ["", ".", "..", "a/b", "/etc", "a\0b", "a\nb", "../../db"] {
            let mut catalog = sample();
            edit(&mut catalog, name.to_owned());
            let decoded = decode(&encode_head(&catalog), &encode_files(&catalog));
            match name {
                "" if at == 2 => assert!(decoded.is_ok(), "a tree may lie in the checkpoint itself"),
                _ => assert_eq!(decoded, Err(Refusal::Defect(CatalogDefect::Name)), "{at}, {name}"),
            }
        }
    }
}

#[test]
fn the_catalogs_own_name_is_no_files() {
    let mut catalog = sample();
    catalog.trees[1].folder = String::new();
    catalog.files[3].name = CATALOG_FILE.to_owned();
    let refused = decode(&encode_head(&catalog), &encode_files(&catalog));
    assert_eq!(refused, Err(Refusal::Defect(CatalogDefect::Duplicate)));
}

#[test]
fn a_kind_is_what_its_folder_says() {
    let mut catalog = sample();
    catalog.files[2].kind = FileKind::Other("tables".into());
    let decoded = decode(&encode_head(&catalog), &encode_files(&catalog)).unwrap();
    assert_eq!(decoded.files[2].kind, FileKind::Table);
}

/// The bytes of format 1. They are never edited: what is on disk somewhere has them.
#[test]
fn the_format_is_what_it_was() {
    assert_eq!((HEAD_SECTION, FILES_SECTION), ("checkpoint", "files."));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&encode_head(&sample())), include_str!("golden_head.hex").trim());
    let parts = encode_files(&sample());
    assert_eq!(
        parts.iter().map(|part| hex(part)).collect::<Vec<_>>(),
        [include_str!("golden_files.hex").trim()]
    );
}

#[test]
fn strange_codes_are_refused() {
    let catalog = sample();
    let (head, parts) = (encode_head(&catalog), encode_files(&catalog));
    let with = |at: usize, byte: u8| {
        let mut part = parts[0].clone();
        part[at] = byte;
        decode(&head, &[part])
    };
    assert_eq!(with(4, 9), Err(Refusal::Defect(CatalogDefect::Code(9))), "a kind");
    assert_eq!(with(5, 9), Err(Refusal::Defect(CatalogDefect::Code(9))), "a method");
    assert_eq!(with(0, 2), Err(Refusal::Defect(CatalogDefect::Tree)), "a tree");
    let mut newer = head.clone();
    newer[0] = 2;
    assert_eq!(decode(&newer, &parts), Err(Refusal::Format(2)));
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let mut catalog = sample();
    catalog.files.insert(0, catalog.files[0].clone());
    let refused = decode(&encode_head(&catalog), &encode_files(&catalog));
    assert_eq!(refused, Err(Refusal::Defect(CatalogDefect::Duplicate)));
    let mut catalog = sample();
    catalog.trees[1].folder = "users".to_owned();
    let refused = decode(&encode_head(&catalog), &encode_files(&catalog));
    assert_eq!(refused, Err(Refusal::Defect(CatalogDefect::Duplicate)));
}
