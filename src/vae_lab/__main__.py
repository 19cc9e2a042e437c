"""`python -m vae_lab` is the script `vae-lab`."""

from vae_lab.cli.main import main

if __name__ == "__main__":
    main()
