//! Who a client's certificate names, for EXTERNAL (RFC 4422 Appendix A).

use x509_cert::Certificate;
use x509_cert::der::asn1::{Ia5StringRef, PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::db::rfc4519::CN;
use x509_cert::der::{Decode, Tag, Tagged};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::config::{AlternativeName, CertificateLogin};

/// The user that a certificate names; or why it names none.
pub(crate) fn user_name(certificate: &[u8], from: CertificateLogin) -> Result<String, NoName> {
    let certificate = Certificate::from_der(certificate).map_err(|_| NoName::Unreadable)?;
    let name = match from {
        CertificateLogin::Subject => certificate.tbs_certificate.subject.to_string(),
        CertificateLogin::CommonName => common_name(&certificate)?,
        CertificateLogin::AlternativeName { kind, index } => {
            alternative_name(&certificate, kind, index)?
        }
    };
    match name.len() {
        0 => Err(NoName::Absent),
        1..=255 => Ok(name),
        _ => Err(NoName::Long),
    }
}

/// Why a certificate names no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoName {
    #[error("the client's certificate cannot be read")]
    Unreadable,
    #[error(
        "the client's certificate has no name where --tls-login-from says that users are named"
    )]
    Absent,
    #[error("the name in the client's certificate is longer than AMQP can say (255 bytes)")]
    Long,
}

/// All common names of the subject, joined by commas (RabbitMQ).
fn common_name(certificate: &Certificate) -> Result<String, NoName> {
    let parts = certificate.tbs_certificate.subject.0.iter().flat_map(|part| part.0.iter());
    let mut names = Vec::new();
    for part in parts.filter(|part| part.oid == CN) {
        let value = &part.value;
        let text = match value.tag() {
            Tag::Utf8String => Utf8StringRef::try_from(value).ok().map(|text| text.to_string()),
            Tag::PrintableString => {
                PrintableStringRef::try_from(value).ok().map(|text| text.to_string())
            }
            Tag::Ia5String => Ia5StringRef::try_from(value).ok().map(|text| text.to_string()),
            Tag::TeletexString => {
                TeletexStringRef::try_from(value).ok().map(|text| text.to_string())
            }
            _ => None,
        };
        names.push(text.ok_or(NoName::Unreadable)?);
    }
    Ok(names.join(","))
}

fn alternative_name(
    certificate: &Certificate,
    kind: AlternativeName,
    index: usize,
) -> Result<String, NoName> {
    let found = certificate.tbs_certificate.get::<SubjectAltName>();
    let Some((_, names)) = found.map_err(|_| NoName::Unreadable)? else {
        return Err(NoName::Absent);
    };
    let of_kind = names.0.iter().filter_map(|name| match (kind, name) {
        (AlternativeName::Dns, GeneralName::DnsName(name)) => Some(name.to_string()),
        (AlternativeName::Email, GeneralName::Rfc822Name(name)) => Some(name.to_string()),
        (AlternativeName::Uri, GeneralName::UniformResourceIdentifier(name)) => {
            Some(name.to_string())
        }
        (AlternativeName::Ip, GeneralName::IpAddress(octets)) => address(octets.as_bytes()),
        _ => None,
    });
    of_kind.into_iter().nth(index).ok_or(NoName::Absent)
}

fn address(octets: &[u8]) -> Option<String> {
    let four = <[u8; 4]>::try_from(octets).map(core::net::IpAddr::from).ok();
    let address = four.or_else(|| <[u8; 16]>::try_from(octets).map(core::net::IpAddr::from).ok());
    address.map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    const DN: CertificateLogin = CertificateLogin::Subject;

    fn san(kind: AlternativeName, index: usize) -> CertificateLogin {
        CertificateLogin::AlternativeName { kind, index }
    }

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_distinguished_name_reads_from_its_end_as_rabbitmq_shows_it() {
        let subject = certificate(|params| {
            params.distinguished_name.push(DnType::CountryName, "GB");
            params.distinguished_name.push(DnType::OrganizationName, "Burrow, Ltd");
            params.distinguished_name.push(DnType::CommonName, "ann");
        });
        assert_eq!(user_name(&subject, DN).unwrap(), "CN=ann,O=Burrow\\, Ltd,C=GB");
        assert_eq!(user_name(&subject, CertificateLogin::CommonName).unwrap(), "ann");
    }

    #[test]
    fn an_alternative_name_is_found_by_its_kind_and_its_place_in_it() {
        let names = certificate(|params| {
            params.subject_alt_names = vec![
                SanType::DnsName("first.example".try_into().unwrap()),
                SanType::Rfc822Name("ann@example".try_into().unwrap()),
                SanType::DnsName("second.example".try_into().unwrap()),
                SanType::URI("spiffe://burrow/ann".try_into().unwrap()),
                SanType::IpAddress("192.0.2.7".parse().unwrap()),
            ];
        });
        let named = |kind, index| user_name(&names, san(kind, index));
        assert_eq!(named(AlternativeName::Dns, 1).unwrap(), "second.example");
        assert_eq!(named(AlternativeName::Email, 0).unwrap(), "ann@example");
        assert_eq!(named(AlternativeName::Uri, 0).unwrap(), "spiffe://burrow/ann");
        assert_eq!(named(AlternativeName::Ip, 0).unwrap(), "192.0.2.7");
        assert_eq!(named(AlternativeName::Dns, 2), Err(NoName::Absent));
        assert_eq!(user_name(&names, CertificateLogin::CommonName), Err(NoName::Absent));
        assert_eq!(user_name(&names, DN), Err(NoName::Absent));
    }

    #[test]
    fn what_is_no_certificate_and_what_is_too_long_names_nobody() {
        assert_eq!(user_name(b"\x30\x03abc", DN), Err(NoName::Unreadable));
        let long = certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, "x".repeat(256));
        });
        assert_eq!(user_name(&long, CertificateLogin::CommonName), Err(NoName::Long));
    }
}
