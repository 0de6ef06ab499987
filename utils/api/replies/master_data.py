"""Replies about master data."""

from pydantic import Field

from utils.api.replies.base import Part, Reply


class MasterConfig(Part):
    """The names, each once: those of the MASTER_DATA file, then those of data and models."""

    plants: list[str] = Field(description="names of the plants")
    applications: list[str] = Field(description="names of the applications")
    panel_sizes: list[str] = Field(description="names of the panel sizes")
    regions: list[str] = Field(description="names of the regions")


class MasterConfigReply(Reply):
    """The names of master data."""

    config: MasterConfig = Field(description="the names")


class MasterReloadReply(Reply):
    """The names of master data, read anew."""

    config: MasterConfig = Field(description="the names")
    message: str = Field(description="a sentence about what was read")


class MasterExportReply(Reply):
    """All master data as the text of a MASTER_DATA file, in JSON."""

    export_data: str = Field(description="the text of the file, in JSON")


class PlantItem(Part):
    """A plant; null is not known. Lists that the file leaves out are those of its data."""

    id: str = Field(description="name of the plant in data")
    name: str = Field(description="the same")
    display_name: str = Field(description="name to show")
    location: str | None = Field(description="place; null: not known")
    region: str | None = Field(description="region; null: not known")
    capacity: float | None = Field(description="units a day")
    specializations: list[str] = Field(description="products that it specializes in")
    panel_sizes: list[str] = Field(description="panel sizes that it can produce")


class PlantItems(Part):
    """The plants."""

    count: int = Field(description="number of plants")
    regions: list[str] = Field(description="names of the regions")
    items: list[PlantItem] = Field(description="the plants")


class ProductItem(Part):
    """A product, which rows call application."""

    id: str = Field(description="name of the application in data")
    name: str = Field(description="the same")
    display_name: str = Field(description="name to show")
    category: str | None = Field(description="category; null: not known")


class ProductItems(Part):
    """The products."""

    count: int = Field(description="number of products")
    categories: list[str] = Field(description="names of the categories")
    items: list[ProductItem] = Field(description="the products")


class SizeItem(Part):
    """A panel size."""

    id: str = Field(description="name of the panel size in data")
    display: str = Field(description="name to show")
    category: str | None = Field(description="category; null: not known")


class SizeItems(Part):
    """The panel sizes."""

    count: int = Field(description="number of panel sizes")
    categories: list[str] = Field(description="names of the categories")
    items: list[SizeItem] = Field(description="the panel sizes")


class RegionItem(Part):
    """A region and its plants."""

    id: str = Field(description="name of the region")
    plants: list[str] = Field(description="names of its plants")


class RegionItems(Part):
    """The regions."""

    count: int = Field(description="number of regions")
    items: list[RegionItem] = Field(description="the regions")


class MasterSummary(Part):
    """Everything known about the names."""

    plants: PlantItems = Field(description="the plants")
    products: ProductItems = Field(description="the products")
    panel_sizes: SizeItems = Field(description="the panel sizes")
    regions: RegionItems = Field(description="the regions")


class MasterSummaryReply(Reply):
    """Master data in full."""

    summary: MasterSummary = Field(description="the master data")


class MasterReport(Part):
    """Differences between data, models and the MASTER_DATA file; each issue is a sentence."""

    timestamp: str = Field(description="time of the comparison, ISO 8601 in UTC")
    total_issues: int = Field(description="number of all issues")
    is_consistent: bool = Field(description="whether there is none")
    plant_issues: list[str] = Field(description="about plants")
    product_issues: list[str] = Field(description="about products")
    panel_size_issues: list[str] = Field(description="about panel sizes")
    demand_data_issues: list[str] = Field(description="series that a plant cannot make")
    plant_data_issues: list[str] = Field(description="capacities below what was put out")
    recommendations: list[str] = Field(description="what would help")


class MasterReportReply(Reply):
    """The result of the comparison."""

    report: MasterReport = Field(description="what was found")
