"""zerokd on a Ray cluster: folders of photos by the command ``zerokd-ray``, images of a dataset by ``RowEnhancer``."""

from zerokd_ray.brighten import RowEnhancer

__all__ = ["RowEnhancer"]
