// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import java.util.function.Supplier;
import org.eclipse.jface.viewers.CellEditor;
import org.eclipse.jface.viewers.EditingSupport;
import org.eclipse.jface.viewers.TableViewer;
import org.eclipse.jface.viewers.TextCellEditor;
import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.core.operations.RenameSnapshotOperation;
import org.snapback.ui.internal.SessionJob;

/** Renames a snapshot in its row; an empty name gives it its number back. */
final class NameEditing extends EditingSupport {

    private final TextCellEditor editor;
    private final Supplier<Session> session;

    NameEditing(TableViewer viewer, Supplier<Session> session) {
        super(viewer);
        this.session = session;
        editor = new TextCellEditor(viewer.getTable());
    }

    @Override
    protected CellEditor getCellEditor(Object element) {
        return editor;
    }

    @Override
    protected boolean canEdit(Object element) {
        return session.get() != null && session.get().isOpen();
    }

    @Override
    protected Object getValue(Object element) {
        return ((Snapshot) element).name();
    }

    @Override
    protected void setValue(Object element, Object value) {
        Snapshot snapshot = (Snapshot) element;
        String name = value.toString().trim();
        if (!name.equals(snapshot.name())) {
            SessionJob.run(new RenameSnapshotOperation(session.get(), snapshot.id(), name));
        }
    }
}
