"""Every reply, by topic; the OpenAPI document is made of these and of the requests."""

from utils.api.replies.base import (
    ErrorDetail as ErrorDetail,
)
from utils.api.replies.base import (
    ErrorReply as ErrorReply,
)
from utils.api.replies.base import (
    MessageReply as MessageReply,
)
from utils.api.replies.base import (
    Part as Part,
)
from utils.api.replies.base import (
    Reply as Reply,
)
from utils.api.replies.data import (
    CalendarsReply as CalendarsReply,
)
from utils.api.replies.data import (
    CountByTarget as CountByTarget,
)
from utils.api.replies.data import (
    DamagedDataset as DamagedDataset,
)
from utils.api.replies.data import (
    DataQualityReply as DataQualityReply,
)
from utils.api.replies.data import (
    DataRow as DataRow,
)
from utils.api.replies.data import (
    DatasetInfo as DatasetInfo,
)
from utils.api.replies.data import (
    DatasetReply as DatasetReply,
)
from utils.api.replies.data import (
    DatasetSeriesReply as DatasetSeriesReply,
)
from utils.api.replies.data import (
    DatasetsReply as DatasetsReply,
)
from utils.api.replies.data import (
    DataSummary as DataSummary,
)
from utils.api.replies.data import (
    DateRange as DateRange,
)
from utils.api.replies.data import (
    GapPlace as GapPlace,
)
from utils.api.replies.data import (
    Gaps as Gaps,
)
from utils.api.replies.data import (
    GenerateReply as GenerateReply,
)
from utils.api.replies.data import (
    GeneratorParameters as GeneratorParameters,
)
from utils.api.replies.data import (
    LawFigures as LawFigures,
)
from utils.api.replies.data import (
    LawVerdict as LawVerdict,
)
from utils.api.replies.data import (
    LawWindow as LawWindow,
)
from utils.api.replies.data import (
    Outlier as Outlier,
)
from utils.api.replies.data import (
    PlantCalendar as PlantCalendar,
)
from utils.api.replies.data import (
    QualityReport as QualityReport,
)
from utils.api.replies.data import (
    QualitySummary as QualitySummary,
)
from utils.api.replies.data import (
    RowsReply as RowsReply,
)
from utils.api.replies.data import (
    SeriesQuality as SeriesQuality,
)
from utils.api.replies.data import (
    StabilityVerdict as StabilityVerdict,
)
from utils.api.replies.data import (
    Unmendable as Unmendable,
)
from utils.api.replies.data import (
    UploadQuality as UploadQuality,
)
from utils.api.replies.data import (
    UploadReply as UploadReply,
)
from utils.api.replies.forecasting import (
    BatchForecast as BatchForecast,
)
from utils.api.replies.forecasting import (
    BatchRefusal as BatchRefusal,
)
from utils.api.replies.forecasting import (
    BatchReply as BatchReply,
)
from utils.api.replies.forecasting import (
    CapacityUse as CapacityUse,
)
from utils.api.replies.forecasting import (
    ClearingTime as ClearingTime,
)
from utils.api.replies.forecasting import (
    Deviations as Deviations,
)
from utils.api.replies.forecasting import (
    ExpectedValues as ExpectedValues,
)
from utils.api.replies.forecasting import (
    ForecastValidation as ForecastValidation,
)
from utils.api.replies.forecasting import (
    HistoryRow as HistoryRow,
)
from utils.api.replies.forecasting import (
    LineState as LineState,
)
from utils.api.replies.forecasting import (
    LittleLawAnalysis as LittleLawAnalysis,
)
from utils.api.replies.forecasting import (
    PlanUsed as PlanUsed,
)
from utils.api.replies.forecasting import (
    Prediction as Prediction,
)
from utils.api.replies.forecasting import (
    PredictReply as PredictReply,
)
from utils.api.replies.forecasting import (
    ProductionTimeline as ProductionTimeline,
)
from utils.api.replies.forecasting import (
    StateAnalysis as StateAnalysis,
)
from utils.api.replies.forecasting import (
    TargetReached as TargetReached,
)
from utils.api.replies.forecasting import (
    ValidateReply as ValidateReply,
)
from utils.api.replies.forecasting import (
    Validation as Validation,
)
from utils.api.replies.jobs import (
    BacktestProgress as BacktestProgress,
)
from utils.api.replies.jobs import (
    JobAccepted as JobAccepted,
)
from utils.api.replies.jobs import (
    JobConfig as JobConfig,
)
from utils.api.replies.jobs import (
    JobInfo as JobInfo,
)
from utils.api.replies.jobs import (
    JobReply as JobReply,
)
from utils.api.replies.jobs import (
    JobsAccepted as JobsAccepted,
)
from utils.api.replies.jobs import (
    JobsReply as JobsReply,
)
from utils.api.replies.jobs import (
    Progress as Progress,
)
from utils.api.replies.jobs import (
    TicketReply as TicketReply,
)
from utils.api.replies.models import (
    CompressedFile as CompressedFile,
)
from utils.api.replies.models import (
    CompressReply as CompressReply,
)
from utils.api.replies.models import (
    KnownSeries as KnownSeries,
)
from utils.api.replies.models import (
    ModelEntry as ModelEntry,
)
from utils.api.replies.models import (
    ModelInfo as ModelInfo,
)
from utils.api.replies.models import (
    ModelReply as ModelReply,
)
from utils.api.replies.models import (
    ModelsReply as ModelsReply,
)
from utils.api.replies.operation import (
    AccessReply as AccessReply,
)
from utils.api.replies.operation import (
    HealthReply as HealthReply,
)
from utils.api.replies.operation import (
    LiveReply as LiveReply,
)
from utils.api.replies.operation import (
    ReadyReply as ReadyReply,
)
from utils.api.replies.plan_replies import (
    PlanReply as PlanReply,
)
from utils.api.replies.plan_replies import (
    ScenarioDifference as ScenarioDifference,
)
from utils.api.replies.plan_replies import (
    ScenarioForecast as ScenarioForecast,
)
from utils.api.replies.plan_replies import (
    ScenariosReply as ScenariosReply,
)
from utils.api.replies.training import (
    CorrectionErrors as CorrectionErrors,
)
from utils.api.replies.training import (
    CorrectionSummary as CorrectionSummary,
)
from utils.api.replies.training import (
    EnhancedConfig as EnhancedConfig,
)
from utils.api.replies.training import (
    EnhancedConfigReply as EnhancedConfigReply,
)
from utils.api.replies.training import (
    LawOnHeldBack as LawOnHeldBack,
)
from utils.api.replies.training import (
    LossHistory as LossHistory,
)
from utils.api.replies.training import (
    MetricsByTarget as MetricsByTarget,
)
from utils.api.replies.training import (
    ModelMetrics as ModelMetrics,
)
from utils.api.replies.training import (
    NetworkConfig as NetworkConfig,
)
from utils.api.replies.training import (
    NetworkDesign as NetworkDesign,
)
from utils.api.replies.training import (
    NetworkSummary as NetworkSummary,
)
from utils.api.replies.training import (
    OtherModel as OtherModel,
)
from utils.api.replies.training import (
    ParallelReply as ParallelReply,
)
from utils.api.replies.training import (
    PlantResult as PlantResult,
)
from utils.api.replies.training import (
    TargetMetrics as TargetMetrics,
)
from utils.api.replies.training import (
    TrainReply as TrainReply,
)
