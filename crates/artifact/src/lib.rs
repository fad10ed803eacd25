//! What a thing is: from a folder to an artifact and back. No async, no network.
