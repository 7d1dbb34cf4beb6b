"""Where calls run: in processes of this machine, or on a Dask cluster; any concurrent.futures.Executor will do."""
