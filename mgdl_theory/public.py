"""The public names of the package, which loads this module when it is first asked for one of them."""

from mgdl_theory.atom import Atoms, hat
from mgdl_theory.certificate.schema import Certificate, load_scheme
from mgdl_theory.certificate.schema import certificate as _certificate
from mgdl_theory.certificate.schema import load as load_certificate
from mgdl_theory.construction import Budget, construct
from mgdl_theory.contraction import check_balanced, is_balanced, soft_threshold
from mgdl_theory.errors import (
    AssumptionError,
    BudgetError,
    CertificateError,
    DomainError,
    ExpressionError,
    MgdlError,
    OptionError,
    SchemeError,
    TargetError,
)
from mgdl_theory.grade import Grade
from mgdl_theory.pictures import plot
from mgdl_theory.relu.compile import compile_network as network
from mgdl_theory.relu.network import Network
from mgdl_theory.reports import save_report as _save_report
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets import target
from mgdl_theory.targets.ball import UniformBall
from mgdl_theory.targets.base import Box, Defects, Target
from mgdl_theory.targets.vector import VectorTarget
from mgdl_theory.vector import VectorScheme
from mgdl_theory.verification.claims import CLAIMS
from mgdl_theory.verification.grids import check_on_grid
from mgdl_theory.verification.network import verify_network
from mgdl_theory.verification.record import Report
from mgdl_theory.verification.trained import ModelReport, verify
from mgdl_theory.verification.vector import VectorReport
from mgdl_theory.verification.verdict import Result, Verdict, Witness

__all__ = [
    "CLAIMS",
    "AssumptionError",
    "Atoms",
    "Box",
    "Budget",
    "BudgetError",
    "Certificate",
    "CertificateError",
    "Defects",
    "DomainError",
    "ExpressionError",
    "Grade",
    "MgdlError",
    "Network",
    "OptionError",
    "Report",
    "Result",
    "Scheme",
    "SchemeError",
    "Target",
    "TargetError",
    "UniformBall",
    "VectorReport",
    "VectorScheme",
    "VectorTarget",
    "Verdict",
    "Witness",
    "check_balanced",
    "check_on_grid",
    "construct",
    "hat",
    "is_balanced",
    "load_certificate",
    "load_scheme",
    "network",
    "plot",
    "soft_threshold",
    "target",
    "verify",
    "verify_network",
]

Scheme.certificate = Report.certificate = _certificate  # scheme.certificate() is the certificate of verify(scheme)
Report.save = ModelReport.save = _save_report  # report.save("report.html")
Scheme.network = VectorScheme.network = network  # scheme.network(...) is network(scheme, ...); relu lies above both
