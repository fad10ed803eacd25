//! Every bound on what comes from outside, in one place, each with its unit and where the figure comes from.

/// Longest repository name, in bytes (Distribution spec, "Pulling manifests": many clients limit a name with its host to
/// 255).
pub const NAME_BYTES_MAX: usize = 255;
/// Longest tag, in bytes (Distribution spec, "Pulling manifests").
pub const TAG_BYTES_MAX: usize = 128;
/// Longest media type, in bytes (RFC 6838 §4.2 allows 127 + 1 + 127).
pub const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// Largest manifest that is accepted, in bytes (Distribution spec, "Pushing manifests": at least 4 MiB).
pub const MANIFEST_BYTES_MAX: usize = 4 << 20;
/// Most descriptors in one manifest; each becomes a row in the ledger.
pub const MANIFEST_DESCRIPTORS_MAX: usize = 10_000;
/// Most entries in one page of tags, repositories or referrers.
pub const PAGE_ENTRIES_MAX: usize = 10_000;
/// Target size of one page of referrers, in bytes; a page ends after the entry that crosses it (the spec asks clients to
/// accept 4 MiB, as for manifests).
pub const REFERRERS_PAGE_BYTES: usize = 2 << 20;
/// Most `tag=` parameters in one push by digest (the spec asks for at least 10).
pub const TAG_PARAMETERS_MAX: usize = 100;
/// Longest request target (path and query), in bytes.
pub const REQUEST_TARGET_BYTES_MAX: usize = 16 << 10;
/// Largest JSON body of our own API, in bytes.
pub const API_BODY_BYTES_MAX: usize = 1 << 20;
/// Largest document of all that is configured, in bytes.
pub const CONFIG_BODY_BYTES_MAX: usize = 16 << 20;
/// Most users, members, bindings and other things in a document of all that is configured.
pub const CONFIG_THINGS_MAX: usize = 200_000;
/// Largest form body of the token service, in bytes.
pub const TOKEN_BODY_BYTES_MAX: usize = 64 << 10;
/// Most scopes in one token request.
pub const SCOPES_MAX: usize = 100;
/// Most actions that are read of one scope; there are three, and `*`.
pub const SCOPE_ACTIONS_MAX: usize = 16;
/// Blobs up to this size, in bytes, rest inside the ledger's own transaction (docs/decisions/0002-small-blobs.md).
pub const INLINE_BLOB_BYTES_MAX: usize = 16 << 10;
/// Largest blob, in bytes. A bound against arithmetic trouble rather than a policy; quotas are the policy.
pub const BLOB_BYTES_MAX: u64 = 1 << 44;
/// Longest `Authorization` header, in bytes; tokens are made to fit (crates/registry/src/identity/token.rs).
pub const AUTHORIZATION_BYTES_MAX: usize = 16 << 10;
/// Largest user name or password in a Basic header, in bytes; argon2's work does not depend on it, our copies do.
pub const CREDENTIAL_BYTES_MAX: usize = 1 << 10;
/// How much an upload may receive before what came is made durable and noted, in bytes: what a crash can cost a client.
pub const UPLOAD_CHECKPOINT_BYTES: u64 = 256 << 20;
/// Longest pattern over repository or tag names, in bytes: no name is longer.
pub const PATTERN_BYTES_MAX: usize = NAME_BYTES_MAX;
/// Most wildcards of a pattern: each costs a step for each byte of a name.
pub const WILDCARDS_MAX: usize = 10;
/// Longest name of a user, a group, a role or a robot, in bytes.
pub const HANDLE_BYTES_MAX: usize = 64;
/// Longest description of anything, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 1_000;
/// Shortest password that may be set, in bytes (NIST SP 800-63B asks for 8, and for no rules about characters).
pub const PASSWORD_BYTES_MIN: usize = 10;
/// Most rules of one sort in one project, each of which is asked at each change of a tag.
pub const RULES_MAX: usize = 100;
/// Most bindings of a new robot, and most limits of a token.
pub const GRANTS_MAX: usize = 50;
/// Most tokens of one user.
pub const TOKENS_MAX: usize = 100;
/// Longest name of a token, in characters.
pub const TOKEN_NAME_CHARS_MAX: usize = 100;
/// Longest life of a token or a robot that is to end, in days.
pub const DAYS_MAX: u32 = 3_650;
/// How long old tokens of a robot may count beside the new one, in seconds: 30 days.
pub const OVERLAP_SECS_MAX: u32 = 30 * 24 * 3_600;
/// How much is kept of what a client calls itself, in bytes.
pub const CLIENT_BYTES_MAX: usize = 128;
/// How many entries a page of our own API has where nothing is said.
pub const API_PAGE_ENTRIES: usize = 100;
/// Most entries of such a page.
pub const API_PAGE_ENTRIES_MAX: usize = 1_000;
/// Most members of a group.
pub const GROUP_MEMBERS_MAX: usize = 10_000;
/// Most bindings of one user, robot or group.
pub const HOLDER_BINDINGS_MAX: usize = 2_000;
/// Most bindings of one account, its groups' included, that are looked at.
pub const BINDINGS_MAX: usize = 10_000;
/// How much an upload into a project with a quota reserves at most before it receives it, in bytes: what an open upload can
/// hold of a quota beyond what it has received.
pub const QUOTA_STEP_BYTES: u64 = 64 << 20;
/// How much an upload reserves at first that does not say how long it is, in bytes; then as much again as it has received. So
/// the layers of one push, which come at once, do not take each other's room while they are small.
pub const QUOTA_FIRST_STEP_BYTES: u64 = 1 << 20;
/// Longest time in the trash that a project may ask for, in days.
pub const TRASH_DAYS_MAX: u32 = 3_650;
/// Most patterns of artifact types in one project.
pub const ARTIFACT_TYPES_MAX: usize = 100;
/// Deepest graph that is copied, in manifests below one another: indexes in indexes, and referrers of referrers. What people
/// make is 4 deep; a hostile end has no bound.
pub const COPY_DEPTH_MAX: usize = 16;
/// Most manifests of one graph that is copied, its referrers included; each costs some 200 bytes of memory until the end.
pub const COPY_MANIFESTS_MAX: usize = 100_000;
/// Most different blobs of one graph that is copied; each costs some 100 bytes of memory until the end.
pub const COPY_BLOBS_MAX: usize = 1_000_000;
/// Most bytes of manifests that a copy keeps until their parts have travelled; it asks for others twice.
pub const COPY_KEPT_BYTES_MAX: usize = 32 << 20;
/// Most entries of an archive; each costs some 200 bytes of memory while it is open.
pub const ARCHIVE_ENTRIES_MAX: usize = 200_000;
/// Longest extended header (a long name, a PAX record) in an archive, in bytes.
pub const ARCHIVE_HEADER_BYTES_MAX: u64 = 1 << 20;
/// Most bytes that a compressed archive is unpacked to.
pub const ARCHIVE_UNPACKED_BYTES_MAX: u64 = 256 << 30;
/// Largest config of an image that is read into memory, in bytes: as for manifests.
pub const IMAGE_CONFIG_BYTES_MAX: usize = MANIFEST_BYTES_MAX;
/// Most entries of a tree that is packed, and of an artifact that is unpacked: a tree is held in memory, at some 200 bytes an
/// entry.
pub const TREE_ENTRIES_MAX: usize = 5_000_000;
/// Longest path of an entry, in bytes (Linux's `PATH_MAX`, with its NUL).
pub const TREE_PATH_BYTES_MAX: usize = 4_095;
/// Longest name in a path, in bytes (Linux's `NAME_MAX`).
pub const TREE_NAME_BYTES_MAX: usize = 255;
/// Most folders above an entry; an unpacking holds them open.
pub const TREE_DEPTH_MAX: usize = 256;
/// Largest ignore file that is read, in bytes.
pub const IGNORE_BYTES_MAX: u64 = 1 << 20;
/// Largest extended header of a tar member, in bytes: a long name, or extended attributes (Linux allows 64 KiB each).
pub const TAR_EXTENSION_BYTES_MAX: u64 = 1 << 20;
/// Most bytes that the names in one layer have together: they are held in memory.
pub const LAYER_NAME_BYTES_MAX: u64 = 1 << 30;
/// Most bytes that one artifact is unpacked to.
pub const UNPACK_BYTES_MAX: u64 = 1 << 40;
/// How many times as large as what was fetched a layer may become, beyond [`UNPACK_RATIO_FREE_BYTES`]. What teams ship
/// shrinks to a fiftieth at best; an empty disk image to a ten-thousandth, which is what the free bytes are for.
pub const UNPACK_RATIO_MAX: u64 = 200;
/// How large a layer may become whatever it was made of, in bytes.
pub const UNPACK_RATIO_FREE_BYTES: u64 = 1 << 30;
/// Most entries of all layers of an image whose files are looked at; each costs some 200 bytes of memory.
pub const VIEW_ENTRIES_MAX: usize = 1_000_000;
/// Most bytes that their names have together: they are held in memory.
pub const VIEW_NAME_BYTES_MAX: u64 = 128 << 20;
/// Most members of a layer with names that mean nothing of which it is told.
pub const VIEW_FAULTS_MAX: usize = 100;
/// Most symbolic links on the way to a file (Linux's `MAXSYMLINKS`).
pub const SYMLINKS_MAX: usize = 40;
/// Largest window of a zstd frame that is unpacked, as a power of two in bytes: what the reference decoder allows.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// Most bytes of a layer, unpacked, of which a tree is made; a minute or two of work.
pub const TREE_TAR_BYTES_MAX: u64 = 64 << 30;
/// Largest window of a zstd frame in a layer of which a tree is made, as a power of two in bytes: it is a quarter of the memory
/// that may be taken for it. zstd takes half of it at most unless it is told otherwise.
pub const TREE_WINDOW_LOG_MAX: u32 = 24;
/// Most bytes that are sorted for the tree of a layer: paths with all that is above them, before they are packed.
pub const TREE_SORT_BYTES_MAX: u64 = 1 << 30;
/// Most bytes that wait in memory for that, packed: several million paths of files as people have them.
pub const TREE_SORTED_BYTES_MAX: usize = 16 << 20;
/// Most bytes of memory for the paths of a layer that are no folder at one time and a folder at another.
pub const TREE_CLASH_BYTES_MAX: usize = 4 << 20;
/// Largest tree of a layer, in bytes; one of a million files has some 10 MiB.
pub const TREE_BYTES_MAX: u64 = 256 << 20;
/// Largest layer that is looked at while somebody waits, where its tree is not there yet, in bytes.
pub const TREE_AT_ONCE_BYTES_MAX: u64 = 4 << 20;
/// And unpacked: a tenth of a second of work.
pub const TREE_AT_ONCE_TAR_BYTES_MAX: u64 = 64 << 20;
/// Most layers of tar that are looked at on one another.
pub const STACK_LAYERS_MAX: usize = 1_000;
/// How far into a compressed layer a file may end that is read out of it, in bytes: all before it is unpacked.
pub const FILE_REACH_BYTES_MAX: u64 = 16 << 30;
/// Most hard links into other layers that are followed for one page of a folder.
pub const STACK_LINKS_MAX: usize = 2_000;
/// Most bytes of memory that is taken by what is looked up in layers on one another for one answer; to look something up in a
/// layer counts as [`STACK_LOOKUP_BYTES`] even where there is nothing.
pub const STACK_BYTES_MAX: usize = 48 << 20;
/// See [`STACK_BYTES_MAX`]. So something is looked up some 200 times in as many layers as there may be.
pub const STACK_LOOKUP_BYTES: usize = 200;
/// Most bytes of memory that one page of a folder takes, all layers together; each gives one entry at least.
pub const STACK_PAGE_BYTES_MAX: usize = 8 << 20;
/// How often folders are looked into for one page of what is not the same in two stacks of layers; each time is at most
/// [`COMPARE_FOLDER_ENTRIES`] of each.
pub const COMPARE_LOOKS_MAX: usize = 2_000;
/// How much of a folder is looked at in one go, of each of the two.
pub const COMPARE_FOLDER_ENTRIES: usize = 500;
/// How many entries are looked at for such a page, of both together, about.
pub const COMPARE_ENTRIES_MAX: usize = 20_000;
/// Most bytes of memory that the ends of the trees take which are looked at together.
pub const STACK_FEET_BYTES_MAX: usize = 64 << 20;
/// Most blocks of trees that are kept unpacked while layers are looked at on one another; one of each layer at least.
pub const STACK_BLOCKS_MAX: usize = 512;
/// Most entries of an archive that is made of a folder of an artifact; each costs some 200 bytes of memory.
pub const SAVED_ENTRIES_MAX: usize = 200_000;
/// Most bytes that their names and the targets of links have together: they are held in memory.
pub const SAVED_NAME_BYTES_MAX: usize = 16 << 20;
/// Longest time for which a link opens something without a login, in seconds: 30 days.
pub const LINK_SECS_MAX: u64 = 30 * 24 * 3600;
/// Most files that are pushed at once with a browser.
pub const DROPPED_FILES_MAX: usize = 1_000;
/// Longest overview of a repository, in bytes of Markdown.
pub const OVERVIEW_BYTES_MAX: usize = 64 << 10;
/// Of how many tags and digests pulls wait in memory to be written down, at most; each costs some 500 bytes.
pub const PULLED_WAITING_MAX: usize = 10_000;
/// Largest file that is searched for credentials, in bytes.
pub const SECRET_FILE_BYTES_MAX: u64 = 1 << 20;
/// How much of such a file is read, in bytes.
pub const SECRET_READ_BYTES: usize = 64 << 10;
/// Largest file of a folder that is searched for references to images, in bytes. What charts render to has a few MiB.
pub const BUNDLE_FILE_BYTES_MAX: u64 = 32 << 20;
/// Most bytes of such files in one folder: they are held in memory.
pub const BUNDLE_FILES_BYTES_MAX: u64 = 256 << 20;
/// Longest text that is taken for a reference to an image, in bytes: host, repository, tag and digest at their longest.
pub const IMAGE_REF_BYTES_MAX: usize = 1_024;
/// Most images that one bundle locks.
pub const BUNDLE_IMAGES_MAX: usize = 10_000;
/// Most images that a bundle and the bundles in it have together; each is copied by itself.
pub const BUNDLE_IMAGES_ALL_MAX: usize = 50_000;
/// Deepest bundles in bundles. What people make is 3 deep.
pub const BUNDLE_DEPTH_MAX: usize = 16;
/// Largest lock, in bytes: 400 for each image.
pub const BUNDLE_LOCK_BYTES_MAX: usize = 4 << 20;
/// Largest `bundle.json` of CNAB, in bytes: as for manifests.
pub const CNAB_BYTES_MAX: usize = MANIFEST_BYTES_MAX;
/// Longest line of text in the facts about an artifact, in bytes: a title, a label, a purl. Longer ones are cut.
pub const FACT_LINE_BYTES_MAX: usize = 1 << 10;
/// Longest running text in facts, in bytes: a read-me, a chart's values. Longer ones are cut.
pub const FACT_README_BYTES_MAX: usize = 64 << 10;
/// Longest address in facts, in bytes (what every browser takes). Longer ones are left out.
pub const FACT_LINK_BYTES_MAX: usize = 2_000;
/// Largest icon that is kept in facts, in bytes of base64.
pub const FACT_ICON_BYTES_MAX: usize = 64 << 10;
/// Most entries of any one list in facts; of more it says how many.
pub const FACT_ITEMS_MAX: usize = 500;
/// Longest name that lists call an artifact by, in bytes. Longer ones are cut.
pub const FACT_TITLE_BYTES_MAX: usize = 256;
/// Longest text that lists say of an artifact, in bytes. Longer ones are cut.
pub const FACT_SUMMARY_BYTES_MAX: usize = 512;
/// How much lists say of what an artifact runs on, in bytes. What comes behind that is left out.
pub const FACT_PLATFORMS_BYTES_MAX: usize = 512;
/// Largest facts of one artifact, in bytes of JSON: they are a row of the ledger.
pub const FACTS_BYTES_MAX: usize = 1 << 20;
/// Most times that an inspector asks for more before it tells its facts.
pub const INSPECT_ROUNDS_MAX: usize = 4;
/// Most things that an inspector asks for at once.
pub const INSPECT_WANTS_MAX: usize = 128;
/// Largest blob of which an inspector is given all bytes: an SBOM, a WebAssembly module. Of a larger one it gets the beginning.
pub const INSPECT_BLOB_BYTES_MAX: usize = 16 << 20;
/// Largest file in a layer of which an inspector is given all bytes. Of a larger one it gets the beginning.
pub const INSPECT_FILE_BYTES_MAX: usize = 1 << 20;
/// Most bytes that the files of one layer which an inspector is given have together.
pub const INSPECT_FILES_BYTES_MAX: usize = 16 << 20;
/// Most bytes that an inspector is given at once: what an inspection takes of memory, but for what it makes of them.
pub const INSPECT_ROUND_BYTES_MAX: usize = 32 << 20;
/// Most bytes of a layer, unpacked, that are looked through for files.
pub const INSPECT_LAYER_BYTES_MAX: u64 = 2 << 30;
/// Largest file that declares a kind, in bytes: the longest built-in one has 4 KiB.
pub const KIND_FILE_BYTES_MAX: u64 = 64 << 10;
/// Most kinds of an operator's own; each is asked for each artifact.
pub const KINDS_MAX: usize = 1_000;
/// Most groups of rules of one kind, and most rules of one group.
pub const KIND_RULES_MAX: usize = 32;
/// Most commands of one kind, and most facts.
pub const KIND_THINGS_MAX: usize = 64;
/// Longest text of a kind that people read, or a program matches, in bytes.
pub const KIND_TEXT_BYTES_MAX: usize = 4 << 10;
/// Longest text of an artifact that a pattern is tried on, in bytes; no pattern is meant for more.
pub const KIND_MATCHED_BYTES_MAX: usize = 4 << 10;
/// Largest config of an artifact of which facts are told, in bytes: as JSON in memory it takes up to 30 times as much.
pub const FACT_CONFIG_BYTES_MAX: usize = 1 << 20;
/// Longest query, in bytes: what people type, and what a link to it has.
pub const QUERY_BYTES_MAX: usize = 1_000;
/// Most words and fields of one query; each is looked up by itself.
pub const QUERY_CLAUSES_MAX: usize = 16;
/// Longest word or value in a query, in bytes.
pub const QUERY_TEXT_BYTES_MAX: usize = 256;
/// How far what a search finds is counted; of more there are that many and more.
pub const SEARCH_HITS_MAX: usize = 10_000;
/// Most values that are told of one facet.
pub const SEARCH_FACET_VALUES_MAX: usize = 30;
