//! Names for user numbers, from `/etc/passwd`.
//!
//! The host's file, so a container's own users show under the host's name for their number, as in `ps`. Directory
//! services (LDAP, sssd) are not asked: their users show as numbers.

use std::collections::HashMap;

/// The users of this machine.
#[derive(Default, Debug)]
pub struct Users {
    names: HashMap<u32, String>,
}

impl Users {
    /// Reads `/etc/passwd`; a machine without one has no names.
    #[must_use]
    pub fn of_this_machine() -> Users {
        Users::parse(&std::fs::read("/etc/passwd").unwrap_or_default())
    }

    /// Reads the text of a `passwd` file. Of several names for one number the first counts.
    #[must_use]
    pub fn parse(passwd: &[u8]) -> Users {
        let mut names = HashMap::new();
        for line in String::from_utf8_lossy(passwd).lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(uid)) = (fields.next(), fields.nth(1).and_then(|f| f.parse().ok())) {
                names.entry(uid).or_insert_with(|| name.to_owned());
            }
        }
        Users { names }
    }

    /// The number of the user of this name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        self.names.iter().find(|(_, known)| *known == name).map(|(number, _)| *number)
    }

    /// The user's name, or the number where it has none.
    #[must_use]
    pub fn name(&self, uid: u32) -> String {
        self.names.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_a_name_is_a_number() {
        let users =
            Users::parse(b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:\n# nobody\nbroken\nx:y:z:\nweb:x:33:33:::\n");
        assert_eq!((users.number("web"), users.number("nobody")), (Some(33), None));
        assert_eq!(["root", "web", "1000"], [users.name(0), users.name(33), users.name(1000)].each_ref().map(|n| &**n));
    }
}
