//! Settings of section `tls`.

use super::{KEY, Key, Shape};
use crate::configuration::value::{self, each, one};

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "tls.cert",
        takes: "FILE",
        shape: Shape::Many,
        help: "Show clients this certificate, and those that lead to its authority (PEM); may be given several times\n\n\
            A client that asks for a server by name is shown the first that names it, any other the first of all. The files \
            are read again when they change, and on SIGHUP.",
        set: |to, values| {
            to.tls.cert = each(values, value::path)?;
            Ok(())
        },
        show: |of| value::shown_paths(&of.tls.cert),
        ..KEY
    },
    Key {
        name: "tls.key",
        takes: "FILE",
        shape: Shape::Many,
        help: "The private key of each tls.cert, in the same order (PEM)",
        set: |to, values| {
            to.tls.key = each(values, value::path)?;
            Ok(())
        },
        show: |of| value::shown_paths(&of.tls.key),
        ..KEY
    },
    Key {
        name: "tls.listen",
        takes: "ADDR:PORT",
        shape: Shape::Many,
        help: "Listen for AMQP over TLS on this address; may be given several times",
        otherwise: "with tls.cert, port 5671 of 127.0.0.1 and, where the machine has it, of ::1; without it, none",
        set: |to, values| {
            to.tls.listen = each(values, value::address)?;
            Ok(())
        },
        show: |of| of.tls.listen.iter().map(ToString::to_string).collect(),
        ..KEY
    },
    Key {
        name: "tls.client_ca",
        takes: "FILE",
        help: "Ask clients for certificates of these authorities (PEM); the mechanism EXTERNAL logs in whom they name",
        otherwise: "none is asked for",
        set: |to, values| {
            to.tls.client_ca = Some(one(values, value::path)?);
            Ok(())
        },
        show: |of| value::shown_paths(of.tls.client_ca.as_slice()),
        ..KEY
    },
    Key {
        name: "tls.client_certificates",
        takes: "optional|required",
        help: "Whether clients must show a certificate, where tls.client_ca is given",
        set: |to, values| {
            to.tls.client_certificates = one(values, str::parse)?;
            Ok(())
        },
        show: |of| vec![of.tls.client_certificates.to_string()],
        ..KEY
    },
    Key {
        name: "tls.login_from",
        takes: "WHERE",
        help: "Where a client's certificate names its user\n\n\
            distinguished_name, common_name or `subject_alternative_name:KIND[:INDEX]`, where KIND is dns, ip, email or uri.",
        set: |to, values| {
            to.tls.login_from = one(values, str::parse)?;
            Ok(())
        },
        show: |of| vec![of.tls.login_from.to_string()],
        ..KEY
    },
];
