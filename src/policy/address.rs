//! The addresses that Ostler may connect to where another party names the address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::policy::service::is_refused;

/// True when `address` belongs to the public internet: neither this machine, nor a network around it, nor a form that a
/// gateway would translate into one of those (IANA's special-purpose registries).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    !is_refused(address)
        && match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        [0, ..] | [240..=255, ..] => true,
        // Carrier-grade NAT, and benchmarks.
        [100, 64..=127, ..] | [198, 18 | 19, ..] => true,
        // Protocol assignments, and the relays of 6to4.
        [192, 0, 0, _] | [192, 88, 99, _] => true,
        _ => address.is_documentation(),
    };
    !special && !address.is_loopback() && !address.is_private()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // Teredo and 6to4 carry an IPv4 address, which may be any.
        [0x2001, 0, ..] | [0x2002, ..] => false,
        // Benchmarks, ORCHID and documentation.
        [0x2001, 2, 0, ..] | [0x2001, 0x10..=0x2f, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Only this eighth is handed out; NAT64, site-local, unique-local and multicast addresses are outside it.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_form_of_an_address_that_is_not_public_is(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = address.octets();
            let public = is_public(address.into());
            proptest::prop_assert_eq!(is_public(address.to_ipv6_mapped().into()), public);
            let is_near = address.is_private() || address.is_loopback() || address.is_link_local();
            proptest::prop_assert!(!(public && (is_near || address.is_multicast())), "{address}");
            let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
            // 6to4, NAT64 and the old compatible form lead to any IPv4 address.
            for around in [
                Ipv6Addr::new(0x2002, word(a, b), word(c, d), 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, word(a, b), word(c, d)),
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, word(a, b), word(c, d)),
            ] {
                proptest::prop_assert!(!is_public(around.into()), "{around}");
            }
        }
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for address in ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "2a00::1", "::ffff:1.1.1.1"] {
            assert!(public(address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }
}
