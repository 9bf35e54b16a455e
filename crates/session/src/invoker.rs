//! Who runs gospect: the user that called `sudo`, where that is how it became root.
//!
//! `sudo` says so in the environment, which anybody can set. It is believed by root only, and only to take rights away.

use std::ffi::OsString;
use std::io;
use std::process::Command;

use kernel::Login;
use kernel::login::effective_user;

/// Whoever called `sudo`, if we are root by it: user and group.
fn of_sudo() -> Option<(u32, u32)> {
    by_sudo(effective_user(), &|name| std::env::var_os(name))
}

/// The user whose processes are meant if nobody is named.
pub(crate) fn user() -> u32 {
    of_sudo().map_or_else(effective_user, |(uid, _)| uid)
}

fn by_sudo(us: u32, variable: &dyn Fn(&str) -> Option<OsString>) -> Option<(u32, u32)> {
    let number = |name: &str| variable(name)?.to_str()?.parse::<u32>().ok();
    let (uid, gid) = (number("SUDO_UID")?, number("SUDO_GID")?);
    // What the kernel takes for "leave it as it is" is no user.
    (us == 0 && uid != 0 && uid != u32::MAX && gid != u32::MAX).then_some((uid, gid))
}

/// Whom a command is to be run as, if that is somebody else than we are.
///
/// # Errors
/// When it cannot be found out who that is.
pub(crate) fn of_command(as_root: bool) -> io::Result<Option<Login>> {
    let invoker = of_sudo().filter(|_| !as_root);
    invoker.map(|(uid, gid)| Login::of(uid, gid)).transpose()
}

/// Tells a command who runs it, as a login would.
pub(crate) fn introduce(command: &mut Command, user: &Login) {
    command.env("USER", &user.name).env("LOGNAME", &user.name);
    match &user.home {
        Some(home) => command.env("HOME", home),
        // Root's is none of this user's.
        None => command.env_remove("HOME"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(us: u32, uid: Option<&str>, gid: Option<&str>) -> Option<(u32, u32)> {
        let variable = |name: &str| match name {
            "SUDO_UID" => uid.map(OsString::from),
            "SUDO_GID" => gid.map(OsString::from),
            _ => None,
        };
        by_sudo(us, &variable)
    }

    #[test]
    fn sudo_is_believed_by_root_and_where_it_names_somebody_else() {
        assert_eq!(check(0, Some("1000"), Some("100")), Some((1000, 100)));
        assert_eq!(check(1000, Some("1001"), Some("100")), None);
        assert_eq!(check(0, Some("0"), Some("0")), None);
        for (uid, gid) in [(None, None), (Some("1000"), None), (Some("x"), Some("1")), (Some("4294967295"), Some("1"))]
        {
            assert_eq!(check(0, uid, gid), None);
        }
    }
}
