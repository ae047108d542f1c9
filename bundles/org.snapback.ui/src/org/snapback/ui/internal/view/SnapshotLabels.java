// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.view;

import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import org.eclipse.jface.resource.JFaceResources;
import org.eclipse.jface.viewers.ColumnLabelProvider;
import org.eclipse.swt.graphics.Font;
import org.eclipse.swt.graphics.Image;
import org.snapback.core.SaveProgress;
import org.snapback.core.Snapshot;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;

/** How a column shows a snapshot: the one that the present descends from is bold, with an arrow. */
final class SnapshotLabels extends ColumnLabelProvider {

    private final SnapshotColumn column;
    private final Predicate<Snapshot> current;
    private final Function<Snapshot, Optional<SaveProgress>> saving;

    /** @param saving how far the saving of a snapshot has come, where that is known */
    SnapshotLabels(
            SnapshotColumn column,
            Predicate<Snapshot> current,
            Function<Snapshot, Optional<SaveProgress>> saving) {
        this.column = column;
        this.current = current;
        this.saving = saving;
    }

    @Override
    public String getText(Object element) {
        Snapshot snapshot = (Snapshot) element;
        return column == SnapshotColumn.SAVED
                ? saving.apply(snapshot).map(SnapshotLabels::percent).orElseGet(() -> column.text(snapshot))
                : column.text(snapshot);
    }

    private static String percent(SaveProgress progress) {
        return Messages.bind(Messages.savingPercent, progress.percent());
    }

    @Override
    public Image getImage(Object element) {
        if (column != SnapshotColumn.NUMBER) {
            return null;
        }
        Snapshot snapshot = (Snapshot) element;
        Images plain = snapshot.image().isPresent() ? Images.SAVE : Images.SNAPSHOT;
        return (current.test(snapshot) ? Images.HERE : plain).image();
    }

    @Override
    public Font getFont(Object element) {
        return current.test((Snapshot) element)
                ? JFaceResources.getFontRegistry().getBold(JFaceResources.DEFAULT_FONT)
                : null;
    }
}
