"""`./neo test --containers`: images built and stacks brought up for real, without Docker: buildah
and podman, on a base system made here from Debian's packages."""
