//! Addresses and forms against other programs'.

use index::content::{self, ContentError, DAG_CBOR, MAX_RAW, RAW};
use index::dag::DagBlock;
use ipld_core::ipld::Ipld;

use crate::vectors::{bytes, vectors};

#[test]
fn files_have_the_addresses_that_ipfs_gives_them() {
    let vectors = vectors();
    assert_eq!(vectors.files.len(), 9);
    for file in vectors.files {
        let content = file.text.repeat(file.repeat);
        let found = content::raw(content.as_bytes());
        if content.len() <= MAX_RAW {
            assert_eq!(found.unwrap().to_string(), file.cid, "{} bytes", content.len());
        } else {
            assert_eq!(found, Err(ContentError::TooLong(content.len())));
            assert_ne!(content::cid(RAW, content.as_bytes()).to_string(), file.cid);
        }
    }
}

#[test]
fn values_have_one_form() {
    for known in vectors().values {
        let bytes = bytes(&known.hex);
        let value: Ipld = content::decode(&bytes).unwrap_or_else(|error| panic!("{}: {error}", known.name));
        assert_eq!(content::encode(&value), bytes, "{}", known.name);
        assert_eq!(content::cid(DAG_CBOR, &bytes).to_string(), known.cid, "{}", known.name);
    }
}

#[test]
fn other_forms_are_refused() {
    let vectors = vectors();
    assert_eq!(vectors.refused.len(), 24);
    for refused in vectors.refused {
        let found = content::decode::<Ipld>(&bytes(&refused.hex));
        assert!(matches!(found, Err(ContentError::Form { .. } | ContentError::NotCanonical(_))), "{}", refused.name);
    }
    // Deep enough to exhaust a stack, if depth had no bound.
    let deep = vec![0x81; 1 << 20];
    assert!(matches!(content::decode::<Ipld>(&deep), Err(ContentError::Form { n_bytes: 1_048_576, .. })));
}

#[test]
fn a_block_has_its_fields_and_no_others() {
    let mut store = crate::world::chained(&crate::world::projects(), 1);
    let rows = store_content(&mut store);
    let Ipld::Map(fields) = content::decode::<Ipld>(&rows).unwrap() else { panic!("a block is a map") };
    let change = |change: &dyn Fn(&mut std::collections::BTreeMap<String, Ipld>)| {
        let mut fields = fields.clone();
        change(&mut fields);
        content::decode::<DagBlock>(&content::encode(&Ipld::Map(fields)))
    };
    assert!(change(&|_| ()).is_ok());
    assert!(change(&|fields| drop(fields.insert("time".to_owned(), Ipld::Integer(1)))).is_err());
    // Null where the field is left out, and the other way round.
    let null = change(&|fields| drop(fields.insert("skip".to_owned(), Ipld::Null)));
    assert!(matches!(null, Err(ContentError::NotCanonical(_))));
    let absent = change(&|fields| drop(fields.remove("prev")));
    assert!(matches!(absent, Err(ContentError::NotCanonical(_))));
    assert!(change(&|fields| drop(fields.insert("endHash".to_owned(), Ipld::Bytes(vec![0; 31])))).is_err());
    assert!(change(&|fields| drop(fields.insert("height".to_owned(), Ipld::Integer(-1)))).is_err());
}

#[test]
fn texts_that_are_no_addresses_of_ours_are_refused() {
    let ours = content::cid(DAG_CBOR, b"x").to_string();
    assert_eq!(content::parse(&ours).unwrap().to_string(), ours);
    let upper = ours.to_uppercase();
    let base58 = "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA";
    let version_0 = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG";
    let sha512 = "bafkrgqhhyivzstcz3hhswshfjgy6ertgmnqeleynhwt4dlfsthi4hn7zgh4uvlsb5xncykzapi3ocd4lzogukir6ksdy6wzrnz6ohnv4aglcs";
    for text in ["", "x", &ours[..ours.len() - 1], &format!("{ours}a"), &upper, base58, version_0, sha512] {
        assert!(matches!(content::parse(text), Err(ContentError::Address(_))), "{text}");
    }
}

fn store_content(store: &mut dyn index::database::Database) -> Vec<u8> {
    let rows = store.ask("SELECT content FROM dag WHERE project = 'alpha'", &[]).unwrap();
    rows.first().unwrap().blob(0).unwrap().to_vec()
}
