//! Facts about what runs in an engine of its own: WebAssembly and models.

use super::{Line, Listed, Named, Text};

facts! {
    /// WebAssembly.
    pub struct Wasm {
        /// `module` or `component`.
        pub form: Line,
        /// Its name, as it says itself.
        pub name: Option<Line>,
        /// What it needs: `wasi:io/streams@0.2.0`, or `wasi_snapshot_preview1.fd_write`, each with its sort.
        pub imports: Listed<Named>,
        /// What it gives, each with its sort.
        pub exports: Listed<Named>,
        /// The world of a component, in WIT.
        pub world: Option<Text>,
        /// How many modules are in a component.
        pub modules: u64,
        /// What its config says that it is for: `wasip2`.
        pub target: Option<Line>,
        /// Languages and tools that it was made with, with their versions.
        pub producers: Listed<Named>,
        /// Its own sections, by name, with their sizes in bytes.
        pub sections: Listed<super::Counted>,
    }

    /// A machine-learning model.
    pub struct Model {
        /// How it is written: `gguf`, `safetensors`.
        pub format: Option<Line>,
        /// Its family: `llama`.
        pub family: Option<Line>,
        /// Its architecture.
        pub architecture: Option<Line>,
        /// How many parameters it has: `8.03B`.
        pub parameters: Option<Line>,
        /// How its numbers are written: `bf16`.
        pub precision: Option<Line>,
        /// How it was made smaller: `Q4_K_M`.
        pub quantization: Option<Line>,
        /// How many tokens it takes into account.
        pub context_length: Option<u64>,
        /// Size of all its parts as they are stored, in bytes.
        pub size: u64,
        /// Its parts.
        pub parts: Listed<ModelPart>,
        /// What the header of its file says.
        pub header: Listed<Named>,
        /// What it is told before every conversation.
        pub system: Option<Text>,
        /// How a conversation is put to it.
        pub template: Option<Text>,
        /// How it is to be run.
        pub options: Listed<Named>,
        /// What it can take and give, and do.
        pub capabilities: Listed<Line>,
    }

    /// A part of a model.
    pub struct ModelPart {
        /// What it is: `weights`, `licence`, its file's name.
        pub name: Line,
        /// Its media type.
        pub media_type: Line,
        /// What it is named by.
        pub digest: Line,
        /// Its size as it is stored, in bytes.
        pub size: u64,
    }
}
