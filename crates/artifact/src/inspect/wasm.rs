//! WebAssembly, modules and components (CNCF TAG Runtime, wasm OCI artifact layout; wasm-to-oci's older one has the same
//! layers).

use serde_json::Value;
use wasmparser::{ComponentExternalKind, Encoding, KnownCustom, Parser, Payload, TypeRef};
use wharf_model::api::facts::runnable::Wasm;
use wharf_model::api::facts::{Counted, Detail, Facts, Line, Named, Text};
use wharf_model::descriptor::Descriptor;

use super::about::{about, or};
use super::document::Look;
use super::layer::LayerWant;
use super::{Artifact, Turn, Want};
use crate::compression::Compression;

/// How many bytes of WIT are put together.
const WORLD_BYTES_MAX: usize = 32 << 10;

pub(super) fn inspect(artifact: Artifact) -> Turn {
    let config = artifact.manifest.config.clone().filter(|config| config.media_type.as_str().ends_with("json"));
    let Some(layer) = artifact.manifest.layers.iter().find(|layer| is_wasm(layer)).or(artifact.manifest.layers.first())
    else {
        let mut facts = about(&artifact);
        facts.fault("manifest", "there is no layer with WebAssembly in it");
        return Turn::tell(facts);
    };
    let (layer, is_tar) = (layer.clone(), Compression::of_type(&layer.media_type).is_some());
    let mut wants: Vec<Want> = config.iter().map(Want::blob).collect();
    wants.push(if is_tar { Want::Layer(wasm_file(&layer)) } else { Want::blob(&layer) });
    Turn::ask(wants, move |mut answers| {
        let mut facts = about(&artifact);
        let config = config.as_ref().and_then(|config| answers.json(&mut facts, "config", config)).unwrap_or_default();
        let at = layer.digest.to_string();
        let bytes = if is_tar {
            let file = answers.layer(&mut facts, &at).files.into_iter().next();
            file.map(|file| file.bytes).or_else(|| {
                facts.fault(&at, "there is no file of WebAssembly in it");
                None
            })
        } else {
            answers.blob(&mut facts, &at, &layer)
        };
        let mut wasm = told_by_config(&config, &mut facts);
        if let Some(bytes) = bytes
            && let Err(error) = read(&bytes, &mut wasm)
        {
            facts.fault(&at, format_args!("it is no WebAssembly that can be read: {error}"));
        }
        wasm.world = world(&wasm);
        facts.detail = Some(Detail::Wasm(wasm));
        Turn::tell(facts)
    })
}

fn is_wasm(layer: &Descriptor) -> bool {
    layer.media_type.as_str().contains("wasm")
}

/// The file in an image that carries a plugin (solo-io/wasm spec, "compat" variant).
fn wasm_file(layer: &Descriptor) -> LayerWant {
    let mut want = LayerWant::new(layer, &["**.wasm"], 1);
    want.file_bytes_max = wharf_model::limits::INSPECT_BLOB_BYTES_MAX;
    want
}

/// What the config says: made when, by whom, for what.
fn told_by_config(config: &Value, facts: &mut Facts) -> Wasm {
    or(&mut facts.created, || config.time("created"));
    if facts.authors.is_empty() {
        let author = config.at("author").as_str();
        facts.authors = author.map(wharf_model::api::facts::Person::parse).into_iter().collect();
    }
    let platform = [config.line("os"), config.line("architecture")];
    if let [Some(os), Some(architecture)] = &platform {
        facts.platforms = super::index::platform(os.as_str(), architecture.as_str(), None).into_iter().collect();
    }
    Wasm { target: config.line("component/target").or_else(|| config.line("os")), ..Wasm::default() }
}

/// Reads what stands at the top: of modules inside a component only how many there are.
fn read(bytes: &[u8], wasm: &mut Wasm) -> wasmparser::Result<()> {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding, .. } => {
                depth += 1;
                if depth == 1 {
                    wasm.form = Line::new(if encoding == Encoding::Component { "component" } else { "module" });
                } else if encoding == Encoding::Module {
                    wasm.modules += 1;
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            payload if depth == 1 => top(payload, wasm)?,
            _ => (),
        }
    }
    Ok(())
}

fn top(payload: Payload<'_>, wasm: &mut Wasm) -> wasmparser::Result<()> {
    match payload {
        Payload::ImportSection(section) => {
            for import in section.into_imports() {
                let import = import?;
                wasm.imports.push(Named::new(&format!("{}.{}", import.module, import.name), sort(import.ty)));
            }
        }
        Payload::ExportSection(section) => {
            for export in section {
                let export = export?;
                wasm.exports.push(Named::new(export.name, &format!("{:?}", export.kind).to_lowercase()));
            }
        }
        Payload::ComponentImportSection(section) => {
            for import in section {
                let import = import?;
                wasm.imports.push(Named::new(&import.name.full_name(), import.ty.kind().desc()));
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section {
                let export = export?;
                // A type that is exported is there for what uses it, and is nothing by itself.
                if export.kind != ComponentExternalKind::Type {
                    wasm.exports.push(Named::new(&export.name.full_name(), export.kind.desc()));
                }
            }
        }
        Payload::CustomSection(section) => {
            let size = section.data().len() as u64;
            wasm.sections.push(Counted { name: Line::new(section.name()), count: size });
            // What is malformed in them has no meaning for who runs it.
            let _ = custom(section.as_known(), wasm);
        }
        _ => (),
    }
    Ok(())
}

fn sort(kind: TypeRef) -> &'static str {
    match kind {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => "func",
        TypeRef::Table(_) => "table",
        TypeRef::Memory(_) => "memory",
        TypeRef::Global(_) => "global",
        TypeRef::Tag(_) => "tag",
    }
}

fn custom(section: KnownCustom<'_>, wasm: &mut Wasm) -> wasmparser::Result<()> {
    match section {
        KnownCustom::Producers(fields) => {
            for field in fields {
                let field = field?;
                for value in field.values {
                    let value = value?;
                    let made = format!("{} {}", value.name, value.version);
                    wasm.producers.push(Named::new(field.name, made.trim()));
                }
            }
        }
        KnownCustom::Name(names) => {
            for name in names {
                if let wasmparser::Name::Module { name, .. } = name? {
                    wasm.name = Line::some(name);
                }
            }
        }
        KnownCustom::ComponentName(names) => {
            for name in names {
                if let wasmparser::ComponentName::Component { name, .. } = name? {
                    wasm.name = Line::some(name);
                }
            }
        }
        _ => (),
    }
    Ok(())
}

/// The world of a component in WIT, as far as names tell: interfaces by their names; of functions only that they are there.
fn world(wasm: &Wasm) -> Option<Text> {
    if wasm.form.as_str() != "component" {
        return None;
    }
    let mut text = "world root {\n".to_owned();
    for (verb, names) in [("import", &wasm.imports), ("export", &wasm.exports)] {
        for one in names.iter() {
            if text.len() > WORLD_BYTES_MAX {
                break;
            }
            let (name, sort) = (one.name.as_str(), one.value.as_str());
            match sort {
                "instance" if name.contains(':') => text.push_str(&format!("  {verb} {name};\n")),
                _ => text.push_str(&format!("  // {verb} {name}: {sort}\n")),
            }
        }
    }
    text.push('}');
    Text::some(&text)
}
