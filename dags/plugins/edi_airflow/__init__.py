"""What the DAGs share: their policy, the step around a runner function, the watchers of the drop zones, the alert.

Imported by every process of Airflow that reads a DAG: nothing heavy at the top of these modules.
"""
