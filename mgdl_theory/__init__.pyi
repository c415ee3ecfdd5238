"""The public names, each once: type checkers read them here, and ``__init__.py`` loads them when they are asked for."""

from mgdl_theory.atom import Atoms as Atoms
from mgdl_theory.atom import hat as hat
from mgdl_theory.certificate.schema import Certificate as Certificate
from mgdl_theory.certificate.schema import load_certificate as load_certificate
from mgdl_theory.certificate.schema import load_scheme as load_scheme
from mgdl_theory.construction import Budget as Budget
from mgdl_theory.construction import construct as construct
from mgdl_theory.contraction import check_balanced as check_balanced
from mgdl_theory.contraction import is_balanced as is_balanced
from mgdl_theory.contraction import soft_threshold as soft_threshold
from mgdl_theory.errors import AssumptionError as AssumptionError
from mgdl_theory.errors import BudgetError as BudgetError
from mgdl_theory.errors import CertificateError as CertificateError
from mgdl_theory.errors import DomainError as DomainError
from mgdl_theory.errors import ExpressionError as ExpressionError
from mgdl_theory.errors import MgdlError as MgdlError
from mgdl_theory.errors import OptionError as OptionError
from mgdl_theory.errors import SchemeError as SchemeError
from mgdl_theory.errors import TargetError as TargetError
from mgdl_theory.grade import Grade as Grade
from mgdl_theory.pictures import plot as plot
from mgdl_theory.pictures.animation import animate as animate
from mgdl_theory.relu.network import Network as Network
from mgdl_theory.scheme import Scheme as Scheme
from mgdl_theory.targets import target as target
from mgdl_theory.targets.ball import UniformBall as UniformBall
from mgdl_theory.targets.base import Box as Box
from mgdl_theory.targets.base import Defects as Defects
from mgdl_theory.targets.base import Target as Target
from mgdl_theory.targets.vector import VectorTarget as VectorTarget
from mgdl_theory.vector import VectorScheme as VectorScheme
from mgdl_theory.verification.approximation import verify as verify
from mgdl_theory.verification.claims import CLAIMS as CLAIMS
from mgdl_theory.verification.claims import Claim as Claim
from mgdl_theory.verification.grids import check_on_grid as check_on_grid
from mgdl_theory.verification.network import verify_network as verify_network
from mgdl_theory.verification.record import Report as Report
from mgdl_theory.verification.trained import ModelReport as ModelReport
from mgdl_theory.verification.vector import VectorReport as VectorReport
from mgdl_theory.verification.verdict import Result as Result
from mgdl_theory.verification.verdict import Verdict as Verdict
from mgdl_theory.verification.verdict import Witness as Witness

__version__: str
