//! Addresses of the Internet.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{field, field_number, field_value, shown};
use crate::go::decode::Decoder;
use crate::go::kinds::{Read, plain};
use crate::go::span::Span;
use crate::go::value::{GoValue, Is, Known};
use crate::go::{GoKind, GoType};

/// `net.IP`: four or sixteen bytes.
pub(super) fn ip(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    Some(plain(decoder, ty, span).map(|is| {
        let Is::Bytes(bytes) = &is else { return is };
        match (<[u8; 4]>::try_from(&*bytes.bytes), <[u8; 16]>::try_from(&*bytes.bytes)) {
            _ if bytes.is_cut() => is,
            (Ok(four), _) => Is::Known(Known::new(Ipv4Addr::from(four).to_string())),
            (_, Ok(sixteen)) => Is::Known(Known::new(Ipv6Addr::from(sixteen).to_canonical().to_string())),
            _ => is,
        }
    }))
}

/// `netip.Addr`: a number of 128 bits, and what leads to its kind and zone.
// +rtype 1.21- net/netip.Addr.addr net/netip.uint128 @0
// +rtype 1.21- net/netip.uint128.hi uint64 @0
// +rtype 1.21- net/netip.uint128.lo uint64 @8
// +rtype 1.21-1.22 net/netip.Addr.z *internal/intern.Value @16
pub(super) fn addr(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    shown(addr_text(decoder, ty, span))
}

fn addr_text(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read<String>> {
    let half = |name| field_number(decoder, ty, span, &["addr", name]);
    let (hi, lo) = (half("hi")?, half("lo")?);
    let (_, _, z) = field(decoder, ty, span, "z")?;
    let parts = hi.and_then(|hi| Ok((hi.cast_unsigned(), lo?.cast_unsigned(), z.word(0)?)));
    Some(parts.map(|(hi, lo, z)| {
        if z == 0 {
            return "invalid IP".to_owned();
        }
        // Whether this is one of four bytes in sixteen's clothes stands behind a pointer that is seldom followed.
        let ip = IpAddr::from(Ipv6Addr::from(u128::from(hi) << 64 | u128::from(lo))).to_canonical();
        match zone(decoder, ty, span) {
            Some(zone) if ip.is_ipv6() => format!("{ip}%{zone}"),
            _ => ip.to_string(),
        }
    }))
}

/// The zone, where it was captured: `fe80::1%eth0`.
// +rtype 1.23- net/netip.Addr.z unique.Handle[net/netip.addrDetail] @16
// +rtype 1.23- net/netip.addrDetail.zoneV6 string @8
fn zone(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<String> {
    fn named(value: GoValue) -> Option<String> {
        match value.is {
            Is::Pointer(inner) => named(*inner),
            Is::Struct(fields) if fields.len() == 1 => fields.into_iter().find_map(named),
            Is::Struct(fields) => fields.into_iter().find_map(|field| match field.is {
                Is::String(text) if text.len > 0 && !text.is_cut() => String::from_utf8(text.bytes).ok(),
                _ => None,
            }),
            _ => None,
        }
    }
    named(field_value(decoder, ty, span, "z")?)
}

/// `netip.AddrPort`: `10.0.0.1:80`, `[::1]:80`.
// +rtype 1.21- net/netip.AddrPort.ip net/netip.Addr @0
// +rtype 1.21- net/netip.AddrPort.port uint16 @24
pub(super) fn addr_port(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let port = field_number(decoder, ty, span, &["port"])?;
    let (of, _, ip) = field(decoder, ty, span, "ip")?;
    let ip = addr_text(decoder, of, ip)?;
    shown(Some(ip.and_then(|ip| {
        let port = port?;
        Ok(match &*ip {
            "invalid IP" => "invalid AddrPort".to_owned(),
            ip if ip.contains(':') => format!("[{ip}]:{port}"),
            ip => format!("{ip}:{port}"),
        })
    })))
}

/// `netip.Prefix`: `10.0.0.0/8`.
// +rtype 1.21- net/netip.Prefix.ip net/netip.Addr @0
// +rtype 1.21- net/netip.Prefix.bitsPlusOne uint8 @24
pub(super) fn prefix(decoder: &mut Decoder<'_>, ty: &GoType, span: Span<'_>) -> Option<Read> {
    let bits = field_number(decoder, ty, span, &["bitsPlusOne"])?;
    let (of, _, ip) = field(decoder, ty, span, "ip")?;
    let GoKind::Struct(_) = of.kind else { return None };
    let ip = addr_text(decoder, of, ip)?;
    shown(Some(ip.and_then(|ip| match bits? {
        0 => Ok("invalid Prefix".to_owned()),
        bits => Ok(format!("{ip}/{}", bits - 1)),
    })))
}
