//! Facts about where artifacts come from: bills of materials, signatures, attestations. Nothing here is verified.

use super::{Counted, Line, Listed, Named};

facts! {
    /// A software bill of materials.
    pub struct Sbom {
        /// Its format with its version: `SPDX 2.3`, `CycloneDX 1.6`, `Syft 16.0.18`.
        pub format: Line,
        /// What it calls itself.
        pub name: Option<Line>,
        /// What it is about.
        pub about: Option<Line>,
        /// The programs that wrote it.
        pub tools: Listed<Line>,
        /// The packages.
        pub packages: Listed<Package>,
        /// How many packages of each ecosystem there are, by the type in their purl, the most first.
        pub ecosystems: Listed<Counted>,
        /// How many packages have each licence, the most first. Packages that tell none are not counted.
        pub licenses: Listed<Counted>,
        /// How many files it lists.
        pub files: u64,
        /// How many vulnerabilities it lists.
        pub vulnerabilities: u64,
    }

    /// A package in a bill of materials.
    pub struct Package {
        /// Its name.
        pub name: Line,
        /// Its version.
        pub version: Line,
        /// Its package URL.
        pub purl: Option<Line>,
        /// Its licences, as one expression.
        pub license: Option<Line>,
        /// Its supplier.
        pub supplier: Option<Line>,
    }

    /// The signatures in one artifact.
    pub struct Signatures {
        /// They.
        pub signatures: Listed<Signature>,
    }

    /// One signature: who, when, what; as it says.
    pub struct Signature {
        /// How it is written: `cosign`, `sigstore-bundle`, `notation-jws`, `notation-cose`, `dsse`.
        pub format: Line,
        /// The digest of what was signed.
        pub subject: Option<Line>,
        /// The reference under which it was signed.
        pub reference: Option<Line>,
        /// Who signed: a mail address, or the address of a workflow.
        pub identity: Option<Line>,
        /// Who vouched for that identity.
        pub issuer: Option<Line>,
        /// The certificate of the key.
        pub certificate: Option<Certificate>,
        /// A hint at the key where there is no certificate.
        pub key: Option<Line>,
        /// The algorithm.
        pub algorithm: Option<Line>,
        /// When, in milliseconds since 1970, by the signer's clock or the log's.
        pub signed: Option<i64>,
        /// Until when it is meant to count, in milliseconds since 1970.
        pub expires: Option<i64>,
        /// The entry in a transparency log.
        pub log: Option<LogEntry>,
        /// Whether a time stamp of an authority is with it.
        pub timestamped: bool,
        /// The program that signed.
        pub agent: Option<Line>,
        /// What the signer added.
        pub annotations: Listed<Named>,
    }

    /// A certificate.
    pub struct Certificate {
        /// Whose it is.
        pub subject: Line,
        /// Who issued it.
        pub issuer: Line,
        /// Its serial number, in hexadecimal.
        pub serial: Line,
        /// From when it counts, in milliseconds since 1970.
        pub not_before: i64,
        /// Until when it counts, in milliseconds since 1970.
        pub not_after: i64,
        /// Its alternative names: mail addresses, addresses of workflows, host names.
        pub names: Listed<Line>,
        /// What Fulcio added about the build: issuer, repository, workflow, runner.
        pub claims: Listed<Named>,
    }

    /// An entry in a transparency log.
    pub struct LogEntry {
        /// Its number.
        pub index: u64,
        /// When the log took it in, in milliseconds since 1970.
        pub integrated: Option<i64>,
        /// The log's name, in base64 or hexadecimal.
        pub log: Option<Line>,
    }

    /// The statements in one artifact.
    pub struct Attestations {
        /// They.
        pub statements: Listed<Statement>,
    }

    /// An in-toto statement.
    pub struct Statement {
        /// The layer that it is in, by its digest.
        pub layer: Line,
        /// What is stated.
        pub predicate_type: Line,
        /// About what.
        pub subjects: Listed<StatementSubject>,
        /// The signature around it; absent where it is not signed, as with BuildKit's.
        pub signature: Option<Signature>,
        /// How something was built.
        pub provenance: Option<Provenance>,
        /// What something is made of.
        pub sbom: Option<Sbom>,
        /// Which weaknesses matter to what (OpenVEX).
        pub vex: Listed<VexStatement>,
    }

    /// Whether a weakness matters to a product.
    pub struct VexStatement {
        /// The weakness: `CVE-2023-1255`.
        pub vulnerability: Line,
        /// `not_affected`, `affected`, `fixed` or `under_investigation`.
        pub status: Line,
        /// Why it is not affected.
        pub justification: Option<Line>,
        /// The products, by package URL or another identifier.
        pub products: Listed<Line>,
    }

    /// What a statement is about.
    pub struct StatementSubject {
        /// Its name.
        pub name: Line,
        /// Its digest: `sha256:…`.
        pub digest: Option<Line>,
    }

    /// How something was built (SLSA provenance 0.2 and 1).
    pub struct Provenance {
        /// How builds of this type are to be read.
        pub build_type: Line,
        /// Who built.
        pub builder: Option<Line>,
        /// Which run.
        pub invocation: Option<Line>,
        /// When it began, in milliseconds since 1970.
        pub started: Option<i64>,
        /// When it ended, in milliseconds since 1970.
        pub finished: Option<i64>,
        /// The source it was built from, by address.
        pub source: Option<Line>,
        /// What went in.
        pub materials: Listed<Material>,
        /// What was asked for.
        pub parameters: Listed<Named>,
    }

    /// What went into a build.
    pub struct Material {
        /// Where it is.
        pub uri: Line,
        /// Its digest: `sha256:…`.
        pub digest: Option<Line>,
    }
}
