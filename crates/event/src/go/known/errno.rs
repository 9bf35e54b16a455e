//! The errors of Linux by name, as package syscall has them for amd64 and arm64.

use super::number_in;
use crate::go::GoType;
use crate::go::decode::Decoder;
use crate::go::kinds::Read;
use crate::go::span::Span;
use crate::go::value::{Is, Known};

/// `syscall.Errno`.
pub(super) fn read(_: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let number = match number_in(ty, span) {
        Ok(number) => number,
        Err(why) => return Some(Err(why)),
    };
    // One without a name is shown as any number.
    let name = usize::try_from(number).ok().and_then(|number| NAMES.get(number)).filter(|name| !name.is_empty())?;
    Some(Ok(Is::Known(Known { typed: true, ..Known::new(format!("syscall.{name}")) })))
}

/// By number; 0 and the numbers between that Linux does not use have none.
#[rustfmt::skip]
const NAMES: &[&str] = &[
    "", "EPERM", "ENOENT", "ESRCH", "EINTR", "EIO", "ENXIO", "E2BIG", "ENOEXEC", "EBADF", "ECHILD", "EAGAIN",
    "ENOMEM", "EACCES", "EFAULT", "ENOTBLK", "EBUSY", "EEXIST", "EXDEV", "ENODEV", "ENOTDIR", "EISDIR", "EINVAL",
    "ENFILE", "EMFILE", "ENOTTY", "ETXTBSY", "EFBIG", "ENOSPC", "ESPIPE", "EROFS", "EMLINK", "EPIPE", "EDOM",
    "ERANGE", "EDEADLK", "ENAMETOOLONG", "ENOLCK", "ENOSYS", "ENOTEMPTY", "ELOOP", "", "ENOMSG", "EIDRM", "ECHRNG",
    "EL2NSYNC", "EL3HLT", "EL3RST", "ELNRNG", "EUNATCH", "ENOCSI", "EL2HLT", "EBADE", "EBADR", "EXFULL", "ENOANO",
    "EBADRQC", "EBADSLT", "", "EBFONT", "ENOSTR", "ENODATA", "ETIME", "ENOSR", "ENONET", "ENOPKG", "EREMOTE",
    "ENOLINK", "EADV", "ESRMNT", "ECOMM", "EPROTO", "EMULTIHOP", "EDOTDOT", "EBADMSG", "EOVERFLOW", "ENOTUNIQ",
    "EBADFD", "EREMCHG", "ELIBACC", "ELIBBAD", "ELIBSCN", "ELIBMAX", "ELIBEXEC", "EILSEQ", "ERESTART", "ESTRPIPE",
    "EUSERS", "ENOTSOCK", "EDESTADDRREQ", "EMSGSIZE", "EPROTOTYPE", "ENOPROTOOPT", "EPROTONOSUPPORT",
    "ESOCKTNOSUPPORT", "EOPNOTSUPP", "EPFNOSUPPORT", "EAFNOSUPPORT", "EADDRINUSE", "EADDRNOTAVAIL", "ENETDOWN",
    "ENETUNREACH", "ENETRESET", "ECONNABORTED", "ECONNRESET", "ENOBUFS", "EISCONN", "ENOTCONN", "ESHUTDOWN",
    "ETOOMANYREFS", "ETIMEDOUT", "ECONNREFUSED", "EHOSTDOWN", "EHOSTUNREACH", "EALREADY", "EINPROGRESS", "ESTALE",
    "EUCLEAN", "ENOTNAM", "ENAVAIL", "EISNAM", "EREMOTEIO", "EDQUOT", "ENOMEDIUM", "EMEDIUMTYPE", "ECANCELED",
    "ENOKEY", "EKEYEXPIRED", "EKEYREVOKED", "EKEYREJECTED", "EOWNERDEAD", "ENOTRECOVERABLE", "ERFKILL",
];

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn some_that_everybody_knows() {
        let name = |number: usize| NAMES.get(number).copied().unwrap_or_default();
        assert_eq!(
            [2, 11, 13, 32, 104, 110, 111, 132].map(name),
            ["ENOENT", "EAGAIN", "EACCES", "EPIPE", "ECONNRESET", "ETIMEDOUT", "ECONNREFUSED", "ERFKILL"]
        );
        assert_eq!([0, 41, 58, 133].map(name), [""; 4]);
    }
}
