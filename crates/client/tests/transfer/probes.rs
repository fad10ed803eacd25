//! What is found out of registries.

use std::sync::Arc;

use wharf_client::probe::probe;
use wharf_client::remote::Remote;
use wharf_content::abilities::Abilities;
use wharf_testkit::faulty::{Faults, Faulty, Scar};

use crate::remote;

fn all() -> Abilities {
    let yes = Some(true);
    Abilities {
        index: yes,
        mixed_index: yes,
        multi_arch: yes,
        untagged_push: yes,
        empty_layers: yes,
        custom_types: yes,
        referrers: yes,
        delete: yes,
        delete_tag: yes,
        chunked_upload: yes,
        mount: yes,
        range: yes,
    }
}

/// What is found, and what is left there.
async fn with(faults: Faults) -> (Abilities, Faulty) {
    let faulty = Faulty::start(faults);
    let one = remote(&faulty);
    let found = probe(&one, None).await.unwrap();
    (found, faulty)
}

#[tokio::test]
async fn who_does_all() {
    let (found, faulty) = with(Faults::default()).await;
    assert_eq!(found, Abilities { mount: None, ..all() });
    let state = faulty.state();
    assert!(state.manifests.is_empty() && state.uploads.is_empty() && state.blobs.is_empty(), "nothing is left");
}

#[tokio::test]
async fn each_scar_is_found() {
    let no = Some(false);
    let check = async |faults: Faults, expect: Abilities| {
        let found = with(faults).await.0;
        assert_eq!(found, Abilities { mount: None, ..expect });
    };
    for scar in Scar::ALL {
        let expect = match scar {
            Scar::NoIndex => Abilities { index: no, mixed_index: no, multi_arch: no, ..all() },
            Scar::NoUntagged => Abilities { untagged_push: no, ..all() },
            Scar::NoMixedIndex => Abilities { mixed_index: no, ..all() },
            Scar::NoEmptyLayers => Abilities { empty_layers: no, ..all() },
            Scar::NoMultiArch => Abilities { multi_arch: no, ..all() },
            Scar::NoCustomTypes => Abilities { custom_types: no, ..all() },
        };
        check(Faults::scar(scar), expect).await;
    }
    check(Faults { no_delete: true, ..Faults::default() }, Abilities { delete: no, delete_tag: no, ..all() }).await;
    check(Faults { no_referrers: true, ..Faults::default() }, Abilities { referrers: no, ..all() }).await;
    check(Faults { no_chunks: true, ..Faults::default() }, Abilities { chunked_upload: no, ..all() }).await;
    check(Faults { no_ranges: true, ..Faults::default() }, Abilities { range: no, ..all() }).await;
}

#[tokio::test]
async fn mounts_need_another_repository() {
    let faulty = Faulty::start(Faults { no_mounts: true, by_repository: true, ..Faults::default() });
    let one = remote(&faulty);
    let other = Remote::new(Arc::clone(one.registry()), "c/d".parse().unwrap());
    assert_eq!(probe(&one, Some(&other)).await.unwrap().mount, Some(false));
    faulty.state().faults.no_mounts = false;
    assert_eq!(probe(&one, Some(&other)).await.unwrap().mount, Some(true));
}
