"""The paper's test bed (figures 12 and 13) on one machine: client, box and server in network namespaces."""
