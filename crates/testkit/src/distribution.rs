//! Debian's `docker-registry` (Distribution 2.8) as a child process: what others run, and a registry without the referrers API.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::server::wait_for;

/// A registry that runs. Killed when dropped.
pub struct Distribution {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    _data: TempDir,
}

impl Distribution {
    /// Starts it with nothing stored and without login; the package `docker-registry` must be there.
    pub fn start() -> Distribution {
        let data = TempDir::with_prefix("wharf-test-").expect("a temporary folder can be made");
        // It takes no port 0; one that was free a moment ago is as near as one gets.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = address.expect("a free port");
        let config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}}}, delete: {{enabled: true}}}}\nhttp: {{addr: '{address}'}}\n",
            data.path().join("data").display()
        );
        std::fs::write(data.path().join("config.yml"), config).expect("the folder can be written");
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(data.path().join("config.yml")).env("OTEL_TRACES_EXPORTER", "none");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("docker-registry runs; apt-get install docker-registry");
        let distribution = Distribution { address, child, _data: data };
        wait_for("docker-registry", || TcpStream::connect(address).ok());
        distribution
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
