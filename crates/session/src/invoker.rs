//! Who runs gospect: the user that called `sudo`, where that is how it became root.
//!
//! `sudo` says so in the environment, which anybody can set. It is believed by root only, and only to take rights away.

use std::ffi::OsString;
use std::io;
use std::process::Command;

use kernel::Login;
use kernel::login::effective_user;

/// Whoever called `sudo`, if we are root by it: user and group.
fn of_sudo() -> Result<Option<(u32, u32)>, String> {
    by_sudo(effective_user(), &|name| std::env::var_os(name))
}

/// The user whose processes are meant if nobody is named.
///
/// # Errors
/// That `sudo` was called by somebody, and not by whom.
pub(crate) fn user() -> Result<u32, String> {
    Ok(of_sudo()?.map_or_else(effective_user, |(uid, _)| uid))
}

fn by_sudo(us: u32, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Option<(u32, u32)>, String> {
    // What the kernel takes for "leave it as it is" is no user.
    let number = |name: &str| variable(name)?.to_str()?.parse().ok().filter(|&n: &u32| n != u32::MAX);
    match (number("SUDO_UID"), number("SUDO_GID")) {
        _ if us != 0 => Ok(None),
        (Some(0), _) => Ok(None),
        (Some(uid), Some(gid)) => Ok(Some((uid, gid))),
        _ => match variable("SUDO_USER").filter(|user| user != "root") {
            Some(user) => {
                let user = user.display();
                Err(format!(
                    "{user} called sudo, as SUDO_USER says, and SUDO_UID and SUDO_GID are not the numbers of a user"
                ))
            }
            None => Ok(None),
        },
    }
}

/// Whom a command is to be run as, if that is somebody else than we are.
///
/// # Errors
/// When it cannot be found out who that is.
pub(crate) fn of_command(as_root: bool) -> io::Result<Option<Login>> {
    let invoker = if as_root { Ok(None) } else { of_sudo() };
    let invoker = invoker.map_err(|why| io::Error::other(format!("{why} (`--as-root` starts it as root)")))?;
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

    fn by(user: Option<&str>, us: u32, uid: Option<&str>, gid: Option<&str>) -> Result<Option<(u32, u32)>, String> {
        let variable = |name: &str| match name {
            "SUDO_USER" => user.map(OsString::from),
            "SUDO_UID" => uid.map(OsString::from),
            "SUDO_GID" => gid.map(OsString::from),
            _ => None,
        };
        by_sudo(us, &variable)
    }

    fn check(us: u32, uid: Option<&str>, gid: Option<&str>) -> Option<(u32, u32)> {
        by(None, us, uid, gid).unwrap()
    }

    #[test]
    fn a_user_without_a_number_is_not_taken_for_root() {
        let why = "web called sudo, as SUDO_USER says, and SUDO_UID and SUDO_GID are not the numbers of a user";
        for (uid, gid) in [(None, None), (Some("1000"), None), (Some("x"), Some("1")), (Some("4294967295"), Some("1"))]
        {
            assert_eq!(by(Some("web"), 0, uid, gid), Err(why.to_owned()));
            assert_eq!((by(Some("root"), 0, uid, gid), by(Some("web"), 7, uid, gid)), (Ok(None), Ok(None)));
        }
        assert_eq!(by(Some("web"), 0, Some("1000"), Some("100")), Ok(Some((1000, 100))));
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
