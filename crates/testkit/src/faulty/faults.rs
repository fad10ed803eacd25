//! What a faulty registry does wrong, by name.

use std::collections::VecDeque;

use wharf_model::digest::Digest;

/// The old scars: what registries that are still about do not take, each of which has spoilt somebody's relocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scar {
    /// No index at all.
    NoIndex,
    /// No manifest without a tag.
    NoUntagged,
    /// No index with anything but images in it.
    NoMixedIndex,
    /// No image without layers.
    NoEmptyLayers,
    /// No index for several platforms.
    NoMultiArch,
    /// No config and no layer of a type that images do not have.
    NoCustomTypes,
}

impl Scar {
    /// All of them.
    pub const ALL: [Scar; 6] = [
        Scar::NoIndex,
        Scar::NoUntagged,
        Scar::NoMixedIndex,
        Scar::NoEmptyLayers,
        Scar::NoMultiArch,
        Scar::NoCustomTypes,
    ];
}

/// What goes wrong. Nothing, if nothing is said.
#[derive(Default)]
pub struct Faults {
    /// See [`Scar::NoIndex`].
    pub no_index: bool,
    /// See [`Scar::NoUntagged`].
    pub no_untagged: bool,
    /// See [`Scar::NoMixedIndex`].
    pub no_mixed_index: bool,
    /// See [`Scar::NoEmptyLayers`].
    pub no_empty_layers: bool,
    /// See [`Scar::NoMultiArch`].
    pub no_multi_arch: bool,
    /// See [`Scar::NoCustomTypes`].
    pub no_custom_types: bool,

    /// Each next answer with bytes of a blob breaks off after so many.
    pub cut_answers: VecDeque<usize>,
    /// Each next request with bytes of a blob is read so far, and then the connection is closed.
    pub cut_uploads: VecDeque<usize>,
    /// Uploads are forgotten when their connection is cut.
    pub forgetful: bool,
    /// The last answer to an upload is lost, though the blob is there.
    pub lose_last_answer: bool,
    /// Each next request for which `busy_at` is in the method and target is answered with this status and `Retry-After: 0`.
    pub busy: VecDeque<u16>,
    /// See `busy`.
    pub busy_at: &'static str,

    /// Blobs are sent with a byte changed.
    pub wrong_bytes: bool,
    /// Blobs are sent with so many bytes more, without saying how many.
    pub more_bytes: usize,
    /// Blobs are announced to have so many bytes.
    pub wrong_length: Option<usize>,
    /// Manifests are sent with a byte changed.
    pub wrong_manifests: bool,
    /// What is sent or was taken is said to have another digest than it has.
    pub wrong_digests: bool,
    /// Ranges are passed over.
    pub no_ranges: bool,
    /// Another part than was asked for.
    pub wrong_ranges: bool,

    /// Nobody sees a blob but in the repository `a/b`.
    pub by_repository: bool,
    /// No mounts.
    pub no_mounts: bool,
    /// No referrers API, and no `OCI-Subject`.
    pub no_referrers: bool,
    /// `?tag=` is passed over.
    pub no_tag_parameters: bool,
    /// No chunks.
    pub no_chunks: bool,
    /// Chunks are at least so long.
    pub chunk_min: Option<usize>,
    /// A proxy takes no more bytes than that at once.
    pub body_max: Option<usize>,
    /// Nothing is deleted.
    pub no_delete: bool,
    /// Nobody may push.
    pub read_only: bool,

    /// Locations are whole URLs.
    pub absolute: bool,
    /// Locations are on this host instead.
    pub location_at: Option<String>,
    /// Blobs are at this URL and the digest.
    pub blobs_at: Option<String>,
    /// Manifests are at this URL and the reference.
    pub manifests_at: Option<String>,

    /// Only who has a token of the service at this realm is let in; `SELF` is this server.
    pub realm: Option<String>,
    /// How often a token counts.
    pub token_uses: Option<usize>,
    /// The name and password that is asked for, as it stands in the header: by the token service where there is a realm.
    pub basic: Option<&'static str>,

    /// How many entries a list has at once.
    pub page: Option<usize>,
    /// Lists go on for ever.
    pub endless: bool,
    /// Somebody else changes each tag once, right before it is written.
    pub rival: Option<(Digest, Vec<u8>)>,
}

impl Faults {
    /// One scar, and no other fault.
    pub fn scar(scar: Scar) -> Faults {
        let mut faults = Faults::default();
        *match scar {
            Scar::NoIndex => &mut faults.no_index,
            Scar::NoUntagged => &mut faults.no_untagged,
            Scar::NoMixedIndex => &mut faults.no_mixed_index,
            Scar::NoEmptyLayers => &mut faults.no_empty_layers,
            Scar::NoMultiArch => &mut faults.no_multi_arch,
            Scar::NoCustomTypes => &mut faults.no_custom_types,
        } = true;
        faults
    }

    /// Demands tokens of a service of its own, which gives them to who has `basic`, as that stands in the header.
    pub fn tokens(basic: &'static str) -> Faults {
        Faults { realm: Some("SELF/token".to_owned()), basic: Some(basic), ..Faults::default() }
    }
}
