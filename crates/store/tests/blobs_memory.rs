//! The heap of blobs in memory keeps the contract.

use std::sync::Arc;

use wharf_store::blobs::{Blobs, memory::Memory};
use wharf_store::contract;

#[tokio::test]
async fn contract() {
    let memory = Arc::new(Memory::new());
    contract::blobs::holds(async || memory.clone() as Arc<dyn Blobs>).await;
}
