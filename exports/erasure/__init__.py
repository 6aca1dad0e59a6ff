"""What was taken back leaves the releases that hold it. From the command line; to the register and the folder of exports."""
