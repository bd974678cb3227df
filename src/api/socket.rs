//! The owner's Unix socket: `<data>/socket`, 0600, or 0660 for a group; whoever comes through it is known by its user.

use crate::api::desk::Desk;
use crate::api::route::routes;
use crate::base::actor::{Actor, Role, Via};
use crate::keeper;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use rustix::fs::chown;
use rustix::process::{Gid, geteuid};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tokio::net::unix::SocketAddr;
use tokio::net::{UnixListener, UnixStream};

/// Listens on the socket of a data directory whose lock this process holds; what an earlier owner left
/// there is taken away. Members of the group may use it, too, as operators. Must be called within a runtime.
///
/// # Errors
/// When the socket can't be made.
pub fn listen(data: &Path, group: Option<&str>) -> io::Result<UnixListener> {
    let path = data.join("socket");
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    let listener = keeper::socket(data, |path| std::os::unix::net::UnixListener::bind(path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    if let Some(group) = group {
        open_to(data, &path, group)?;
    }
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// Lets a group use the socket: it may go into the data directory, of which it can read nothing, not even the names.
fn open_to(data: &Path, socket: &Path, group: &str) -> io::Result<()> {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let id = number_of(&groups, group).or_else(|| group.parse().ok());
    let cannot = |why: String| io::Error::other(format!("`http.socket_group: {group}`: {why}"));
    let id = id.map(Gid::from_raw).ok_or_else(|| cannot("there is no such group on this machine".into()))?;
    for (path, mode) in [(data, 0o710), (socket, 0o660)] {
        chown(path, None, Some(id))
            .map_err(|error| cannot(format!("{error}; whoever serves must be root or a member of it")))?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// The number of a group.
fn number_of(groups: &str, name: &str) -> Option<u32> {
    let fields = groups.lines().map(|line| line.split(':'));
    let mut found = fields.filter_map(|mut fields| (fields.next()? == name).then(|| fields.nth(1)).flatten());
    found.next()?.parse().ok()
}

/// Serves the API until `stop`; connections are not waited for, their readers ask the next owner.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: UnixListener, desk: Desk, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
    tokio::select! {
        served = served(listener, desk) => served,
        () = stop => Ok(()),
    }
}

/// Most owners are a `run` that nobody speaks to: the routes are laid out when the first comes.
async fn served(mut listener: UnixListener, desk: Desk) -> io::Result<()> {
    let first = Listener::accept(&mut listener).await;
    let app = routes(desk.clone())
        .layer(from_fn_with_state(desk, written_down))
        .into_make_service_with_connect_info::<Peer>();
    axum::serve(Door { first: Some(first), listener }, app).await
}

/// The socket, with the first who came before there was anybody to serve.
pub(super) struct Door {
    first: Option<(UnixStream, SocketAddr)>,
    listener: UnixListener,
}

impl Listener for Door {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        match self.first.take() {
            Some(first) => first,
            None => Listener::accept(&mut self.listener).await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Writes down what may have changed something.
async fn written_down(State(desk): State<Desk>, peer: ConnectInfo<Peer>, request: Request, next: Next) -> Response {
    let what = format!("{} {}", request.method(), request.uri().path());
    let looks = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    if let Some(actor) = peer.0.0.filter(|_| !looks) {
        desk.audit(actor, "socket".into(), what, response.status().as_u16());
    }
    response
}

/// Who is at the other end.
#[derive(Debug, Clone)]
pub(super) struct Peer(pub(super) Option<Actor>);

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        let uid = stream.io().peer_cred().map(|peer| peer.uid()).ok();
        Self(uid.map(|uid| Actor { id: user(uid), via: Via::Socket, role: role(uid, geteuid().as_raw()) }))
    }
}

/// The owner and root may do everything; whoever else the socket's mode lets in operates.
fn role(uid: u32, owner: u32) -> Role {
    if uid == owner || uid == 0 { Role::Admin } else { Role::Operator }
}

/// The name of a user, or its number.
fn user(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(&users, uid).unwrap_or_else(|| format!("uid {uid}"))
}

fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_known_by_its_user() {
        let users = "root:x:0:0:root:/root:/bin/sh\nvoice:x:1001:1001::/srv:/bin/false\nbroken\n";
        assert_eq!(name_of(users, 1001).as_deref(), Some("voice"));
        assert_eq!(name_of(users, 7), None);
        let groups = "root:x:0:\nops:x:1042:anna,boris\nbroken\n";
        assert_eq!(
            (number_of(groups, "ops"), number_of(groups, "op"), number_of(groups, "broken")),
            (Some(1042), None, None)
        );
        for (uid, want) in [(0, Role::Admin), (1001, Role::Admin), (1002, Role::Operator)] {
            assert_eq!(role(uid, 1001), want, "{uid}");
        }
    }
}
